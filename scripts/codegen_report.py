"""Reads what the CUDA compiler says and emits: resources of each kernel, its wide accesses, its occupancy."""
import dataclasses
import math
import pathlib
import re
import subprocess

WARP_THREADS = 32
# Table "Technical Specifications per Compute Capability" of the CUDA C++ Programming Guide, and the register
# allocation granularity of the occupancy calculator: registers are given to a warp in units of 256.
LIMITS = {
    "sm_80": {"warps": 64, "blocks": 32, "registers": 65536, "shared_bytes": 164 * 1024, "shared_reserved": 1024},
    "sm_90": {"warps": 64, "blocks": 32, "registers": 65536, "shared_bytes": 228 * 1024, "shared_reserved": 1024},
}
REGISTER_UNIT = 256


@dataclasses.dataclass
class Kernel:
    """One entry function for one architecture."""
    name: str
    arch: str
    source: str
    threads: int = 0  # the launch bound; 0: none is stated
    registers: int = 0
    static_shared_bytes: int = 0
    stack_bytes: int = 0
    spill_bytes: int = 0
    local_accesses: int = 0
    wide_loads: int = 0
    narrow_loads: int = 0
    wide_stores: int = 0
    bytes_ahead: int = 0  # that a thread has asked for when it first waits for one of its loads

    def occupancy(self, dynamic_shared_bytes):
        """Share of the warps that a multiprocessor can hold, by registers, shared memory and block slots."""
        limit = LIMITS[self.arch]
        warps = math.ceil(max(self.threads, 1) / WARP_THREADS)
        by_warps = limit["warps"] // warps
        warp_registers = math.ceil(self.registers * WARP_THREADS / REGISTER_UNIT) * REGISTER_UNIT
        by_registers = limit["registers"] // (warp_registers * warps) if warp_registers else limit["blocks"]
        shared = self.static_shared_bytes + dynamic_shared_bytes + limit["shared_reserved"]
        by_shared = limit["shared_bytes"] // shared
        return min(by_warps, by_registers, by_shared, limit["blocks"]) * warps / limit["warps"]


def run(command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"failed ({done.returncode}): {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def demangle(name):
    """'expert_kernel<float>' of a mangled name: namespaces and parameters left out."""
    full = run(["c++filt", name]).strip().replace("(anonymous namespace)::", "")
    head = re.sub(r"^void ", "", full)
    depth, end = 0, len(head)
    for at, letter in enumerate(head):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            end = at
            break
    head = re.sub(r"\((?:unsigned |signed )?\w+\)", "", head[:end])
    return re.sub(r"(?:\w+::)+", "", head)


def compile_source(nvcc, root, source, arch, folder):
    """The kernels of one .cu for one architecture, as the release build compiles them."""
    folder.mkdir(parents=True, exist_ok=True)
    cubin = folder / f"{source.stem}.{arch}.cubin"
    text = run([nvcc, "-std=c++20", "-O3", "-DNDEBUG", f"-arch={arch}", "-cubin", "--keep", "--keep-dir", folder,
                "-Xptxas", "-v", f"-I{root}", f"-I{root}/runtime/include", source, "-o", cubin], cwd=folder)
    kernels = read_resources(text, arch, str(source.relative_to(root)))
    bounds = read_launch_bounds((folder / f"{source.stem}.ptx").read_text())
    for mangled, kernel in kernels.items():
        kernel.threads = bounds.get(mangled, 0)
    return cubin, kernels


def read_resources(text, arch, source):
    kernels, current = {}, None
    for line in text.splitlines():
        if entry := re.search(r"Compiling entry function '([^']+)'", line):
            current = kernels[entry[1]] = Kernel(demangle(entry[1]), arch, source)
        if current is None:
            continue
        if stack := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            current.stack_bytes = int(stack[1])
            current.spill_bytes = int(stack[2]) + int(stack[3])
        if used := re.search(r"Used (\d+) registers", line):
            current.registers = int(used[1])
            shared = re.search(r"(\d+) bytes smem", line)
            current.static_shared_bytes = int(shared[1]) if shared else 0
    return kernels


def read_launch_bounds(ptx):
    bounds = {}
    for entry in re.finditer(r"\.entry (\w+)\([^)]*\)\s*((?:\.\w+ [^\n{]*\n)*)", ptx):
        if bound := re.search(r"\.maxntid (\d+)(?:, (\d+))?(?:, (\d+))?", entry[2]):
            bounds[entry[1]] = math.prod(int(part) for part in bound.groups() if part)
    return bounds


class LoadsAhead:
    """The bytes of global loads that a thread has on their way at most, in the order of the machine code.

    A load is on its way until an instruction names a register that it fills; loads before it are then taken as
    done too. Branches are not followed, so it is a lower bound: an estimate that sees a compiler (or a rewritten
    loop) that has each load wait for the one before."""
    WIDTHS = {"128": 16, "64": 8, "U8": 1, "S8": 1, "U16": 2, "S16": 2}

    def __init__(self):
        self.on_their_way = []  # [(registers, bytes)]
        self.most = 0

    def take(self, line):
        found = re.search(r"/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)\s*(.*?);", line)
        if not found:
            return
        parts, operands = found[1].split("."), found[2]
        named = set()
        for register, pair in re.findall(r"\bR(\d+)(\.64)?", operands):
            named |= {int(register), int(register) + 1} if pair else {int(register)}
        filled, size = set(), 0
        if parts[0] in ("LDG", "LD"):
            size = next((self.WIDTHS[part] for part in parts if part in self.WIDTHS), 4)
            first = int(re.search(r"\bR(\d+)", operands)[1]) if named else 0
            filled = set(range(first, first + max(1, size // 4)))
        waits = [i for i, (registers, _) in enumerate(self.on_their_way) if registers & (named | filled)]
        if waits:
            self.on_their_way = self.on_their_way[waits[-1] + 1:]
        if size:
            self.on_their_way.append((filled, size))
            self.most = max(self.most, sum(bytes_ for _, bytes_ in self.on_their_way))


def read_disassembly(nvdisasm, cubin, kernels):
    """Counts the accesses of each kernel in the machine code."""
    current, ahead = None, LoadsAhead()
    for line in run([nvdisasm, "-c", cubin]).splitlines():
        if section := re.match(r"\.text\.(\S+):", line.strip()):
            current, ahead = kernels.get(section[1]), LoadsAhead()
        if current is None:
            continue
        ahead.take(line)
        current.bytes_ahead = ahead.most
        if re.search(r"\b(LDL|STL)\b", line):
            current.local_accesses += 1
        elif re.search(r"\b(LDG|LDGSTS|LD)\.\S*128", line):
            current.wide_loads += 1
        elif re.search(r"\b(LDG|LDGSTS)\b", line):
            current.narrow_loads += 1
        elif re.search(r"\b(STG|ST)\.\S*128", line):
            current.wide_stores += 1


def read_kernels(nvcc, nvdisasm, root, sources, arch, folder):
    found = []
    for source in sources:
        cubin, kernels = compile_source(nvcc, root, source, arch, pathlib.Path(folder) / arch / source.stem)
        read_disassembly(nvdisasm, cubin, kernels)
        found += kernels.values()
    return found
