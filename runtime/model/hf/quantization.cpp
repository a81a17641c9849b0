#include <fmt/format.h>

#include <array>

#include "runtime/model/hf/parts.hpp"

namespace prophet::hf {
namespace {

struct NamedDtype {
  std::string_view name;
  Dtype dtype;
};

constexpr std::array torch_dtypes{
    NamedDtype{"bfloat16", Dtype::bf16},   NamedDtype{"float16", Dtype::fp16},
    NamedDtype{"half", Dtype::fp16},       NamedDtype{"float32", Dtype::fp32},
    NamedDtype{"float", Dtype::fp32},      NamedDtype{"float8_e4m3fn", Dtype::fp8},
    NamedDtype{"float8_e5m2", Dtype::fp8}, NamedDtype{"int8", Dtype::int8},
};

Dtype torch_dtype(const JsonFields& config, std::string_view field) {
  auto name = config.text(field);
  constexpr std::string_view module = "torch.";
  if (name.rfind(module, 0) == 0) name.erase(0, module.size());
  for (const auto& known : torch_dtypes) {
    if (known.name == name) return known.dtype;
  }
  config.refuse(field, "bfloat16, float16, float32, float8_e4m3fn, float8_e5m2 or int8");
}

Dtype dtype_of_bits(const JsonFields& quantization, std::string_view field) {
  const auto bits = quantization.count(field, 1, 16);
  if (bits != 4 && bits != 8) quantization.refuse(field, "4 or 8");
  return bits == 4 ? Dtype::int4 : Dtype::int8;
}

Dtype bitsandbytes_dtype(const JsonFields& quantization) {
  if (quantization.flag_or("load_in_4bit", false)) return Dtype::int4;
  if (quantization.flag_or("load_in_8bit", false)) return Dtype::int8;
  quantization.refuse("load_in_4bit", "true, or load_in_8bit true");
}

/// All groups of compressed-tensors describe their weights alike; the first decides.
Dtype compressed_tensors_dtype(const JsonFields& quantization) {
  const auto weights = quantization.child("config_groups").child("group_0").child("weights");
  const auto bits = dtype_of_bits(weights, "num_bits");
  if (weights.text_or("type", "int") == "float") {
    if (bits != Dtype::int8) weights.refuse("num_bits", "8 for floats");
    return Dtype::fp8;
  }
  return bits;
}

Dtype quantized_dtype(const JsonFields& quantization) {
  const auto method = quantization.text("quant_method");
  if (method == "mxfp4") return Dtype::mxfp4;
  if (method == "fp8" || method == "fbgemm_fp8") return Dtype::fp8;
  if (method == "gptq" || method == "awq") return dtype_of_bits(quantization, "bits");
  if (method == "bitsandbytes") return bitsandbytes_dtype(quantization);
  if (method == "compressed-tensors") return compressed_tensors_dtype(quantization);
  quantization.refuse("quant_method",
                      "mxfp4, fp8, fbgemm_fp8, gptq, awq, bitsandbytes or compressed-tensors");
}

}  // namespace

void read_dtypes(const JsonFields& top, const JsonFields& text, Architecture& a) {
  for (const auto* config : {&text, &top}) {
    const auto field = config->first_of({"torch_dtype", "dtype"});
    if (!config->has(field)) continue;
    a.dtype = torch_dtype(*config, field);
    a.expert_dtype = a.dtype;
    break;
  }
  for (const auto* config : {&text, &top}) {
    if (!config->has("quantization_config")) continue;
    a.expert_dtype = quantized_dtype(config->child("quantization_config"));
    break;
  }
}

}  // namespace prophet::hf
