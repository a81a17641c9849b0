#pragma once

namespace prophet::simt {

/// From here on a CUDA thread that touches memory which is not there ends the process with the usual
/// paragraph. For every worker to call; other threads' faults stay what they were. With a sanitizer it does
/// nothing, as those explain faults themselves.
void explain_memory_faults();

}  // namespace prophet::simt
