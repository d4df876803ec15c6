// A kernel from a shared object: native/include/ridgepoint/kernel.h.
#pragma once
#include <string>

#include "../include/ridgepoint/kernel.h"

namespace rp {

// Loads a shared object and keeps it until the process ends; null with `problem` where it cannot be loaded or does not keep to the header.
// On Linux this process is killed with its parent from then on.
const ridgepoint_kernel* loadUserKernel(const char* path, std::string& problem);

}  // namespace rp
