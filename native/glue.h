// What the files of the N-API glue share: reading what JavaScript hands in, what each exports, and the kernel of a shared object.
#pragma once
#include <napi.h>

#include <string>
#include <vector>

#include "include/ridgepoint/kernel.h"

namespace rp {

struct Spec;

namespace glue {

constexpr double largestCount = 9007199254740991.0;  // 2^53 - 1

// The kernel of a shared object, once one is loaded, and the name by which stages call it.
extern const ridgepoint_kernel* loadedKernel;
constexpr const char* userKernel = "user";

// A probe by name: the session's own, or a row of the tables of the specification's variant; false where it has none.
bool readProbe(const std::string& name, Spec& spec);
void defineSession(Napi::Env env, Napi::Object exports);

Napi::Value runOp(const Napi::CallbackInfo& info);
Napi::Value loadKernel(const Napi::CallbackInfo& info);
Napi::Value describeKernel(const Napi::CallbackInfo& info);
Napi::Value checkKernel(const Napi::CallbackInfo& info);

inline bool count(const Napi::Object& object, const char* field, double low, double high, double& out) {
  const Napi::Value value = object.Get(field);
  if (!value.IsNumber()) return false;
  out = value.As<Napi::Number>().DoubleValue();
  return out >= low && out <= high && out == double(int64_t(out));
}

// Where a typed array's own elements begin.
inline char* bytesOf(const Napi::TypedArray& array) { return static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset(); }

// A list of whole numbers from `low` on.
inline bool sizes(const Napi::Value& value, double low, std::vector<size_t>& out) {
  if (!value.IsArray()) return false;
  const Napi::Array list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value entry = list.Get(i);
    const double number = entry.IsNumber() ? entry.As<Napi::Number>().DoubleValue() : -1;
    if (!(number >= low && number <= largestCount)) return false;
    out.push_back(size_t(number));
  }
  return true;
}

inline Napi::Float64Array floats(Napi::Env env, const std::vector<double>& values) {
  Napi::Float64Array array = Napi::Float64Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); i++) array[i] = values[i];
  return array;
}

// Whole numbers of a list, each within [0, high].
template <typename T>
bool whole(const Napi::Value& value, double high, std::vector<T>& out) {
  std::vector<size_t> numbers;
  if (!sizes(value, 0, numbers)) return false;
  for (const size_t number : numbers) {
    if (double(number) > high) return false;
    out.push_back(T(number));
  }
  return true;
}

}  // namespace glue
}  // namespace rp
