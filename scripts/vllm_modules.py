"""vLLM's KV cache manager without the rest of vLLM: its own modules, on stand-ins for what they import and do not use.

vLLM comes from the package index by name and is unpacked into a folder that goes when the program ends; nothing of it
is installed or kept. The modules named in OWN are executed as they are. Whatever else they import (PyTorch, CUDA, the
configuration) is a stand-in that may be named, in an annotation or as a base class, while modules are imported, and
that raises as soon as a running scenario touches it: what a fixture says was computed by vLLM's code alone. Only the
logger is replaced, by Python's.
"""
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import pathlib
import subprocess
import sys
import types
import zipfile

OWN = {
    "vllm.distributed.kv_events", "vllm.envs", "vllm.utils", "vllm.utils.hashing", "vllm.utils.math_utils",
    "vllm.v1.core.block_pool", "vllm.v1.core.kv_cache_coordinator", "vllm.v1.core.kv_cache_manager",
    "vllm.v1.core.kv_cache_metrics", "vllm.v1.core.kv_cache_utils", "vllm.v1.core.single_type_kv_cache_manager",
    "vllm.v1.hisparse.block_pool", "vllm.v1.kv_cache_interface", "vllm.v1.kv_cache_layout",
    "vllm.v1.kv_cache_spec_registry", "vllm.v1.metrics.stats", "vllm.v1.request",
    "vllm.v1.structured_output.request", "vllm.v1.utils",
}
REPLACED = {"vllm", "torch", "numpy", "cbor2", "psutil", "uvloop", "xxhash", "zmq"}


def download(version, folder):
    """The wheel of that version, without what it depends on (about 340 MB)."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--dest",
                    str(folder), f"vllm=={version}"], check=True)
    return next(pathlib.Path(folder).glob("vllm-*.whl"))


def unpack(wheel, folder):
    """Only Python's files; returns the version that the wheel says it is."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.endswith(".py")])
    return pathlib.Path(wheel).name.split("-")[1]


class StandIn(type):
    """A class that may be named, subscripted and derived from until `sealed`, and never after."""
    sealed = False

    def _touched(cls):
        if StandIn.sealed:
            raise RuntimeError(f"{cls.__name__} is a stand-in: a scenario may use only vLLM's own code")

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        cls._touched()
        return StandIn(f"{cls.__name__}.{name}", (), {})

    def __call__(cls, *arguments, **options):
        raise RuntimeError(f"{cls.__name__} is a stand-in and was called")

    def __getitem__(cls, key):
        cls._touched()
        return cls

    def __or__(cls, other):
        cls._touched()
        return object

    __ror__ = __or__


class StandInModule(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if f"{self.__name__}.{name}" in OWN:
            return importlib.import_module(f"{self.__name__}.{name}")
        if StandIn.sealed:
            raise RuntimeError(f"{self.__name__}.{name} is a stand-in: a scenario may use only vLLM's own code")
        value = StandIn(f"{self.__name__}.{name}", (), {})
        setattr(self, name, value)
        return value


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds vLLM's own modules in the folder, and a stand-in for every other name of REPLACED."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def find_spec(self, name, path, target=None):
        if name.split(".")[0] not in REPLACED:
            return None
        if name in OWN:
            return self._own(name)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def _own(self, name):
        file = self.folder.joinpath(*name.split(".")).with_suffix(".py")
        if file.is_file():
            return importlib.util.spec_from_file_location(name, file)
        package = file.with_suffix("")
        return importlib.util.spec_from_file_location(name, package / "__init__.py",
                                                      submodule_search_locations=[str(package)])

    def create_module(self, spec):
        return StandInModule(spec.name)

    def exec_module(self, module):
        if module.__name__ == "vllm.logger":
            module.init_logger = logging.getLogger


def import_from(folder):
    """vLLM's modules as attributes; from here on a stand-in that is touched raises."""
    sys.meta_path.insert(0, Finder(folder))
    logging.getLogger("vllm").setLevel(logging.ERROR)
    modules = types.SimpleNamespace(
        interface=importlib.import_module("vllm.v1.kv_cache_interface"),
        manager=importlib.import_module("vllm.v1.core.kv_cache_manager"),
        registry=importlib.import_module("vllm.v1.kv_cache_spec_registry"),
        request=importlib.import_module("vllm.v1.request"),
        single_type=importlib.import_module("vllm.v1.core.single_type_kv_cache_manager"),
        utils=importlib.import_module("vllm.v1.core.kv_cache_utils"),
        events=importlib.import_module("vllm.distributed.kv_events"),
        hashing=importlib.import_module("vllm.utils.hashing"))
    StandIn.sealed = True
    return modules
