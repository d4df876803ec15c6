// N-API glue of operator kernels outside a session: checking what they compute, and the kernel of a shared object.
#include <string>

#include "core/session.h"
#include "core/variants.h"
#include "glue.h"

namespace rp {
namespace glue {

const ridgepoint_kernel* loadedKernel = nullptr;

// runOp(isa, kernel, dims, inputs: TypedArray[], outputs: TypedArray[], threads): runs a kernel's shares one after the other on this
// thread, to check its results. That dims and types fit the arrays is for the caller to know.
Napi::Value runOp(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const rp::Variant* variant = info[0].IsString() ? rp::findVariant(info[0].As<Napi::String>().Utf8Value().c_str()) : nullptr;
  const rp::OpKernel* op = variant && info[1].IsString() ? rp::findOp(*variant, info[1].As<Napi::String>().Utf8Value().c_str()) : nullptr;
  std::vector<int64_t> dims;
  std::vector<void*> tensors[2];
  bool valid = op && whole(info[2], largestCount, dims) && int(dims.size()) == op->dims && info[3].IsArray() && info[4].IsArray() && info[5].IsNumber();
  for (int list = 0; valid && list < 2; list++) {
    const Napi::Array arrays = info[3 + list].As<Napi::Array>();
    valid = int(arrays.Length()) == (list == 0 ? op->inputs : op->outputs);
    for (uint32_t i = 0; valid && i < arrays.Length(); i++) {
      const Napi::Value value = arrays.Get(i);
      valid = value.IsTypedArray();
      if (valid) tensors[list].push_back(bytesOf(value.As<Napi::TypedArray>()));
    }
  }
  if (!valid) {
    Napi::TypeError::New(env, "runOp: isa, kernel, dims, inputs, outputs, threads").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const int threads = int(info[5].As<Napi::Number>().Int32Value());
  static thread_local std::vector<float> scratch(rp::scratchFloats);
  for (int t = 0; t < threads; t++) op->run({dims.data(), tensors[0].data(), tensors[1].data(), scratch.data(), t, threads});
  return env.Undefined();
}

// loadKernel(path): {name, dtype, dims, defaults, tensors, checks} of a shared object, which becomes the kernel "user" of this process.
Napi::Value loadKernel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string problem = "a path is missing";
  const ridgepoint_kernel* kernel = info[0].IsString() ? rp::loadUserKernel(info[0].As<Napi::String>().Utf8Value().c_str(), problem) : nullptr;
  if (!kernel) {
    Napi::Error::New(env, problem).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  loadedKernel = kernel;
  Napi::Object result = Napi::Object::New(env);
  result["name"] = kernel->name;
  result["dtype"] = kernel->dtype;
  Napi::Array names = Napi::Array::New(env), defaults = Napi::Array::New(env);
  for (uint32_t i = 0; i < kernel->dims; i++) {
    names[i] = kernel->dim_names[i];
    defaults[i] = double(kernel->default_dims[i]);
  }
  result["dims"] = names;
  result["defaults"] = defaults;
  result["tensors"] = kernel->tensors;
  result["checks"] = kernel->check != nullptr;
  return result;
}

// describeKernel(dims): {bytes of each tensor, flops, bytesRead, bytesWritten} of the loaded kernel.
Napi::Value describeKernel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<int64_t> dims;
  if (!loadedKernel || !whole(info[0], largestCount, dims) || dims.size() != loadedKernel->dims) {
    Napi::TypeError::New(env, "describeKernel: the dims of the loaded kernel").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Object result = Napi::Object::New(env);
  std::vector<double> bytes;
  for (uint32_t i = 0; i < loadedKernel->tensors; i++) bytes.push_back(double(loadedKernel->tensor_bytes(dims.data(), i)));
  result["tensors"] = floats(env, bytes);
  result["flops"] = loadedKernel->flops(dims.data());
  result["bytesRead"] = loadedKernel->bytes_read(dims.data());
  result["bytesWritten"] = loadedKernel->bytes_written(dims.data());
  return result;
}

// checkKernel(dims, tensors: TypedArray[], threads): one call of the loaded kernel, share after share, and what its check then says.
Napi::Value checkKernel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<int64_t> dims;
  std::vector<void*> tensors;
  bool valid = loadedKernel && loadedKernel->check && whole(info[0], largestCount, dims) && dims.size() == loadedKernel->dims && info[1].IsArray() && info[2].IsNumber();
  if (valid) {
    const Napi::Array arrays = info[1].As<Napi::Array>();
    valid = arrays.Length() == loadedKernel->tensors;
    for (uint32_t i = 0; valid && i < arrays.Length(); i++) {
      const Napi::Value value = arrays.Get(i);
      valid = value.IsTypedArray() && value.As<Napi::TypedArray>().ByteLength() >= loadedKernel->tensor_bytes(dims.data(), i);
      if (valid) tensors.push_back(bytesOf(value.As<Napi::TypedArray>()));
    }
  }
  if (!valid) {
    Napi::TypeError::New(env, "checkKernel: dims, tensors, threads of a loaded kernel that can be checked").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const int threads = int(info[2].As<Napi::Number>().Int32Value());
  for (int t = 0; t < threads; t++) loadedKernel->run(dims.data(), tensors.data(), t, threads);
  return Napi::Number::New(env, loadedKernel->check(dims.data(), tensors.data()));
}

}  // namespace glue
}  // namespace rp
