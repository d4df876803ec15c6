// What the addon exports: its version, what the processor has, and probes on the calling thread; N-API glue only, as measuring.cc and operators.cc are.
#include <napi.h>

#include <string.h>
#include <unistd.h>

#include <string>

#include "core/cores.h"
#include "core/session.h"
#include "core/variants.h"
#include "glue.h"

namespace {

using namespace rp::glue;

// Raised whenever the JavaScript side must change with it; src/kernels/native.ts refuses another number.
constexpr int apiVersion = 10;

// runProbe(isa, probe, passes, data?: Uint8Array, lines?): runs a probe on this thread, for the tests. Compute probes answer {sum, work,
// growth, cycles}: the sum over all lanes, the FLOP or OP credited, what each adds to the sum, and core cycles credited to the clock twin;
// memory probes run over the array's first lines, change it, and answer {word, work}.
Napi::Value runProbe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  rp::Spec spec;
  spec.variant = info[0].IsString() ? rp::findVariant(info[0].As<Napi::String>().Utf8Value().c_str()) : nullptr;
  const bool known = spec.variant && info[1].IsString() && info[2].IsNumber() && readProbe(info[1].As<Napi::String>(), spec);
  const uint64_t passes = known ? uint64_t(info[2].As<Napi::Number>().Int64Value()) : 0;
  Napi::Object result = Napi::Object::New(env);
  if (known && spec.compute) {
    const rp::ComputeProbe& probe = *spec.compute;
    result["sum"] = probe.run(passes);
    result["work"] = probe.opsPerPass * probe.lanes * probe.perLane * double(passes);
    result["growth"] = probe.growth;
    result["cycles"] = probe.clock ? probe.clock(passes) - probe.clock(0) : 0.0;
    result["cyclesCredited"] = probe.cyclesPerPass * double(passes);
    return result;
  }
  if (known && spec.memory && info[3].IsTypedArray()) {
    // Vector stores need alignment that JavaScript's memory does not promise.
    Napi::Uint8Array data = info[3].As<Napi::Uint8Array>();
    const size_t all = data.ByteLength();
    const size_t lines = info[4].IsNumber() ? size_t(info[4].As<Napi::Number>().Int64Value()) : all / 64;
    rp::Region region = rp::reserve(all + 64);
    if (lines * 64 <= all && region.data) {
      memcpy(region.data, data.Data(), all);
      result["word"] = Napi::BigInt::New(env, spec.memory->run(region.data, lines, passes));
      result["work"] = double(spec.memory->payload(lines)) * double(passes);
      memcpy(data.Data(), region.data, all);
    }
    rp::release(region);
    return result;
  }
  Napi::TypeError::New(env, "runProbe: isa, probe, passes, and bytes for a memory probe").ThrowAsJavaScriptException();
  return env.Undefined();
}

// A variant's compute probes: {probe, id, engine, lanes, perLane, missing}; missing is null, or what the CPU or the compiler lacks.
Napi::Array computeRows(Napi::Env env, const rp::Variant& variant) {
  Napi::Array rows = Napi::Array::New(env);
  for (int i = 0; i < variant.computeCount; i++) {
    const rp::ComputeProbe& probe = variant.compute[i];
    const std::string name = (probe.engine ? std::string(probe.engine) + "/" : "") + probe.id;
    const rp::ComputeProbe* usable = rp::findCompute(variant, name.c_str());
    if (usable && usable != &probe) continue;
    Napi::Object row = Napi::Object::New(env);
    row["probe"] = name;
    row["id"] = probe.id;
    row["engine"] = probe.engine ? Napi::Value(Napi::String::New(env, probe.engine)) : env.Null();
    row["lanes"] = probe.lanes;
    row["perLane"] = probe.perLane;
    row["missing"] = usable ? env.Null() : Napi::Value(Napi::String::New(env, probe.needName));
    rows[rows.Length()] = row;
  }
  return rows;
}

Napi::Value cpu(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result["brand"] = rp::cpuBrand();
  const rp::Variants& all = rp::variants();
  Napi::Array isas = Napi::Array::New(env, all.count);
  for (int i = 0; i < all.count; i++) {
    Napi::Object isa = Napi::Object::New(env);
    isa["name"] = all.list[i]->isa;
    isa["vectorBytes"] = all.list[i]->vectorBytes;
    Napi::Array kernels = Napi::Array::New(env, all.list[i]->opCount);
    for (int k = 0; k < all.list[i]->opCount; k++) kernels[uint32_t(k)] = all.list[i]->ops[k].id;
    isa["kernels"] = kernels;
    Napi::Array memory = Napi::Array::New(env, all.list[i]->memoryCount);
    for (int k = 0; k < all.list[i]->memoryCount; k++) memory[uint32_t(k)] = all.list[i]->memory[k].id;
    isa["memory"] = memory;
    isa["compute"] = computeRows(env, *all.list[i]);
    isas[uint32_t(i)] = isa;
  }
  result["isas"] = isas;
  int cpus[1024];
  result["allowed"] = rp::allowedCpus(cpus, 1024);
  return result;
}

// exitNow(code): ends the process without waiting for threads that still measure. Node would join them, each of which needs a turn on a CPU.
Napi::Value exitNow(const Napi::CallbackInfo& info) {
  _exit(info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 1);
}

// tuneFor(cores?, l2?): tunes the kernels for cores by name and for so many bytes of L2 (0: for its own), where they are given; answers for whose
// cores they are now tuned.
Napi::Value tuneFor(const Napi::CallbackInfo& info) {
  static const char* const names[] = {"other", "intel", "amd"};
  if (info[0].IsString()) {
    const std::string wanted = info[0].As<Napi::String>();
    for (int i = 0; i < 3; i++)
      if (wanted == names[i]) rp::tuneFor(rp::Cores(i));
  }
  if (info[1].IsNumber()) rp::tuneForL2(info[1].As<Napi::Number>().Int64Value());
  return Napi::String::New(info.Env(), names[int(rp::tunedFor())]);
}

// useFeatures(wanted?): whether operators use features beyond their ISA's own, from the next look-up on where it is given; answers whether they do now.
Napi::Value useFeatures(const Napi::CallbackInfo& info) {
  if (info[0].IsBoolean()) rp::useFeatures(info[0].As<Napi::Boolean>());
  return Napi::Boolean::New(info.Env(), rp::usesFeatures());
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports["apiVersion"] = apiVersion;
  exports["exitNow"] = Napi::Function::New<exitNow>(env, "exitNow");
  exports["cpu"] = Napi::Function::New<cpu>(env, "cpu");
  exports["runOp"] = Napi::Function::New<runOp>(env, "runOp");
  exports["loadKernel"] = Napi::Function::New<loadKernel>(env, "loadKernel");
  exports["describeKernel"] = Napi::Function::New<describeKernel>(env, "describeKernel");
  exports["checkKernel"] = Napi::Function::New<checkKernel>(env, "checkKernel");
  exports["tuneFor"] = Napi::Function::New<tuneFor>(env, "tuneFor");
  exports["useFeatures"] = Napi::Function::New<useFeatures>(env, "useFeatures");
  exports["runProbe"] = Napi::Function::New<runProbe>(env, "runProbe");
  defineSession(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(ridgepoint, init)
