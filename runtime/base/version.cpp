#include "runtime/base/version.hpp"

#include "prophet_git.inc"

namespace prophet {

Version program_version() noexcept {
  return {PROPHET_VERSION, PROPHET_GIT_COMMIT, PROPHET_GIT_DIRTY};
}

}  // namespace prophet
