#pragma once

#include "predictor/train_use_model.hpp"

namespace prophet {

/// Learns what a model with a hidden layer says of one target layer: biases, matrix and hidden layer; the
/// features' weights stay as they are. By minibatches of tokens of all sequences and Adam (Kingma and Ba
/// 2015), with inputs and units left out by chance (Srivastava and others 2014). Writes the layer's parts of
/// `model` and nothing else, so that each thread may train a layer of its own. The same training, options and
/// layer give the same bits.
void train_use_hidden(const TrainingSet& training, const UseTraining& options, LayerId layer,
                      UseModel& model);

}  // namespace prophet
