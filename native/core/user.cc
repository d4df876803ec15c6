#include "user.h"

#include <dlfcn.h>
#include <string.h>
#if defined(__linux__)
#include <signal.h>
#include <sys/prctl.h>
#endif

namespace rp {

const ridgepoint_kernel* loadUserKernel(const char* path, std::string& problem) {
#if defined(__linux__)
  // The code that follows is not ours and may not return: a program that is killed (SIGKILL, the system out of memory) can no longer end it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = dlerror();
    problem = reason ? reason : "the system gives no reason";
    return nullptr;
  }
  typedef const ridgepoint_kernel* (*Get)();
  const Get get = reinterpret_cast<Get>(dlsym(library, "ridgepoint_kernel_get"));
  if (!get) {
    problem = "it does not export ridgepoint_kernel_get";
    return nullptr;
  }
  const ridgepoint_kernel* kernel = get();
  if (!kernel) problem = "ridgepoint_kernel_get returns null";
  else if (kernel->version != RIDGEPOINT_KERNEL_VERSION)
    problem = "it was built for version " + std::to_string(kernel->version) + " of the header, not " +
              std::to_string(RIDGEPOINT_KERNEL_VERSION);
  else if (!kernel->name || !kernel->dtype || !kernel->dim_names || !kernel->default_dims || !kernel->tensor_bytes ||
           !kernel->flops || !kernel->bytes_read || !kernel->bytes_written || !kernel->run)
    problem = "a field other than check is null";
  else if (kernel->dims < 1 || kernel->dims > RIDGEPOINT_MAX_DIMS)
    problem = "it has " + std::to_string(kernel->dims) + " dims, not 1 to " + std::to_string(RIDGEPOINT_MAX_DIMS);
  else if (kernel->tensors < 1 || kernel->tensors > RIDGEPOINT_MAX_TENSORS)
    problem = "it has " + std::to_string(kernel->tensors) + " tensors, not 1 to " + std::to_string(RIDGEPOINT_MAX_TENSORS);
  else if (strcmp(kernel->dtype, "f32") != 0 && strcmp(kernel->dtype, "f64") != 0 && strcmp(kernel->dtype, "int8") != 0)
    problem = std::string("its dtype is '") + std::string(kernel->dtype).substr(0, 64) + "', not f32, f64 or int8";
  else return kernel;
  return nullptr;
}

}  // namespace rp
