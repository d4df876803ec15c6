// N-API glue of a measuring session: checks what JavaScript asks for, takes samples on a libuv worker thread, hands numbers back.
#include <pthread.h>
#include <string.h>

#include <memory>
#include <string>

#include "core/session.h"
#include "core/variants.h"
#include "glue.h"

namespace rp {
namespace glue {

// A probe by name: the session's own, or a row of the variant's tables.
bool readProbe(const std::string& name, rp::Spec& spec) {
  static const struct {
    const char* name;
    rp::Probe probe;
  } names[] = {{"chase", rp::Probe::chase},
               {"call", rp::Probe::call},
               {"fork-join", rp::Probe::forkJoin},
               {"wake", rp::Probe::wake},
               {"program", rp::Probe::program},
               {"issue", rp::Probe::issue},
               {"rows", rp::Probe::rows}};
  for (const auto& entry : names)
    if (name == entry.name) {
      spec.probe = entry.probe;
      return true;
    }
  spec.compute = rp::findCompute(*spec.variant, name.c_str());
  spec.memory = rp::findMemory(*spec.variant, name.c_str());
  spec.probe = spec.compute ? rp::Probe::compute : rp::Probe::memory;
  return spec.compute || spec.memory;
}

namespace {

class OpenWorker : public Napi::AsyncWorker {
 public:
  OpenWorker(Napi::Env env, std::shared_ptr<rp::Session> session, std::vector<size_t> bytes,
             std::vector<size_t> resident, rp::Touch touch)
      : AsyncWorker(env), session_(std::move(session)), bytes_(std::move(bytes)), resident_(std::move(resident)), touch_(touch), deferred_(env) {}
  Napi::Promise promise() { return deferred_.Promise(); }
  void Execute() override {
    const char* problem = "";
    if (!session_->open(bytes_, resident_, &problem, touch_)) SetError(problem);
  }
  void OnOK() override {
    const rp::SessionInfo info = session_->info();
    Napi::Object result = Napi::Object::New(Env());
    result["threads"] = info.threads;
    result["pinned"] = info.pinned;
    result["bytes"] = double(info.bytes);
    Napi::Array touched = Napi::Array::New(Env(), info.touched.size());
    for (size_t i = 0; i < info.touched.size(); i++) touched[uint32_t(i)] = double(info.touched[i]);
    result["touched"] = touched;
    result["hugeBytes"] = double(info.hugeBytes);
    deferred_.Resolve(result);
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  std::shared_ptr<rp::Session> session_;
  std::vector<size_t> bytes_;
  std::vector<size_t> resident_;
  rp::Touch touch_;
  Napi::Promise::Deferred deferred_;
};

class SampleWorker : public Napi::AsyncWorker {
 public:
  SampleWorker(Napi::Env env, std::shared_ptr<rp::Session> session, rp::Spec spec)
      : AsyncWorker(env), session_(std::move(session)), spec_(spec), deferred_(env) {}
  Napi::Promise promise() { return deferred_.Promise(); }
  void Execute() override {
    if (!session_->take(spec_, sample_)) SetError("cancelled");
  }
  void OnOK() override {
    Napi::Object result = Napi::Object::New(Env());
    result["seconds"] = floats(Env(), sample_.seconds);
    result["clockHz"] = floats(Env(), sample_.clockHz);
    result["work"] = sample_.work;
    result["counters"] = floats(Env(), sample_.counters);
    result["counterProblem"] = sample_.counterProblem ? Napi::Value(Napi::String::New(Env(), strerror(sample_.counterProblem))) : Env().Null();
    deferred_.Resolve(result);
  }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  std::shared_ptr<rp::Session> session_;
  rp::Spec spec_;
  rp::Sample sample_;
  Napi::Promise::Deferred deferred_;
};

class AllocateWorker : public Napi::AsyncWorker {
 public:
  AllocateWorker(Napi::Env env, std::shared_ptr<rp::Session> session, std::vector<rp::Tensor> tensors)
      : AsyncWorker(env), session_(std::move(session)), tensors_(std::move(tensors)), deferred_(env) {}
  Napi::Promise promise() { return deferred_.Promise(); }
  void Execute() override {
    if (!session_->allocate(std::move(tensors_))) SetError("the system refuses the memory for the operators' tensors");
  }
  void OnOK() override { deferred_.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  std::shared_ptr<rp::Session> session_;
  std::vector<rp::Tensor> tensors_;
  Napi::Promise::Deferred deferred_;
};

class SessionWrap : public Napi::ObjectWrap<SessionWrap> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports["Session"] = DefineClass(env, "Session",
                                     {InstanceMethod<&SessionWrap::open>("open"), InstanceMethod<&SessionWrap::sample>("sample"),
                                      InstanceMethod<&SessionWrap::allocate>("allocate"),
                                      InstanceMethod<&SessionWrap::cancel>("cancel"), InstanceMethod<&SessionWrap::close>("close")});
  }
  explicit SessionWrap(const Napi::CallbackInfo& info) : ObjectWrap(info), session_(std::make_shared<rp::Session>()) {}

 private:
  // open(bytesPerThread: number[], residentPerThread: number[], touch?: {seconds, enough, least}): Promise<{threads, pinned, touched, bytes, hugeBytes}>
  Napi::Value open(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::vector<size_t> bytes, resident;
    rp::Touch touch;
    const bool valid = (info.Length() == 2 || (info.Length() == 3 && readTouch(info[2], touch))) && sizes(info[0], 64, bytes) && sizes(info[1], 0, resident) &&
                       bytes.size() > 0 && bytes.size() == resident.size();
    if (!valid || opened_ || !session_) {
      Napi::TypeError::New(env, "open: bytes per thread (at least 64) and resident bytes per thread, once").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    opened_ = true;
    bytes_ = bytes;
    resident_ = resident;
    auto* worker = new OpenWorker(env, session_, std::move(bytes), std::move(resident), touch);
    const Napi::Promise promise = worker->promise();
    worker->Queue();
    return promise;
  }

  static bool readTouch(const Napi::Value& value, rp::Touch& touch) {
    if (!value.IsObject()) return false;
    double least, enough;
    if (!count(value.As<Napi::Object>(), "least", 0, largestCount, least)) return false;
    if (!count(value.As<Napi::Object>(), "enough", 0, largestCount, enough)) return false;
    touch.least = size_t(least);
    touch.enough = size_t(enough);
    const Napi::Value seconds = value.As<Napi::Object>().Get("seconds");
    if (!seconds.IsNumber()) return false;
    touch.seconds = seconds.As<Napi::Number>().DoubleValue();
    return touch.seconds >= 0;
  }

  // sample({probe, isa, threads, bytes, roam, passes, repetitions, clock, row?, ahead?, burst?, again?, stores?}): Promise<{seconds, clockHz, work}>
  Napi::Value sample(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    rp::Spec spec;
    const char* problem = nullptr;
    if (info.Length() != 1 || !info[0].IsObject() || !session_ || !opened_) problem = "sample: a specification, on an open session";
    else problem = readSpec(info[0].As<Napi::Object>(), spec);
    if (problem) {
      Napi::TypeError::New(env, problem).ThrowAsJavaScriptException();
      return env.Undefined();
    }
    auto* worker = new SampleWorker(env, session_, spec);
    const Napi::Promise promise = worker->promise();
    worker->Queue();
    return promise;
  }

  // allocate({bytes, fill: 'f32' | 'f64' | 'bytes', data?: TypedArray}[]): Promise<void>; the tensors of the stages that follow
  Napi::Value allocate(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::vector<rp::Tensor> tensors;
    if (info.Length() != 1 || !readTensors(info[0], tensors) || !session_ || !opened_) {
      Napi::TypeError::New(env, "allocate: {bytes, fill, data?} per tensor, on an open session").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    tensors_ = tensors.size();
    auto* worker = new AllocateWorker(env, session_, std::move(tensors));
    const Napi::Promise promise = worker->promise();
    worker->Queue();
    return promise;
  }

  static bool readTensors(const Napi::Value& value, std::vector<rp::Tensor>& tensors) {
    if (!value.IsArray()) return false;
    const Napi::Array list = value.As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) {
      const Napi::Value entry = list.Get(i);
      if (!entry.IsObject()) return false;
      const Napi::Object object = entry.As<Napi::Object>();
      double bytes;
      if (!count(object, "bytes", 0, largestCount, bytes) || !object.Get("fill").IsString()) return false;
      rp::Tensor tensor;
      tensor.bytes = size_t(bytes);
      const std::string fill = object.Get("fill").As<Napi::String>();
      if (fill != "f32" && fill != "f64" && fill != "bytes") return false;
      tensor.fill = fill == "f32" ? rp::Tensor::Fill::f32 : fill == "f64" ? rp::Tensor::Fill::f64 : rp::Tensor::Fill::bytes;
      const Napi::Value data = object.Get("data");
      if (!data.IsUndefined()) {
        if (!data.IsTypedArray() || data.As<Napi::TypedArray>().ByteLength() != tensor.bytes) return false;
        const char* from = bytesOf(data.As<Napi::TypedArray>());
        tensor.data.assign(from, from + tensor.bytes);
      }
      tensors.push_back(std::move(tensor));
    }
    return true;
  }

  // Stages are checked against the kernel's arity and the buffers' number; that the dims fit the buffers is for the caller to know.
  const char* readStages(const Napi::Value& value, rp::Spec& spec) {
    if (!value.IsArray() || value.As<Napi::Array>().Length() == 0) return "sample: a program needs stages";
    const Napi::Array list = value.As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) {
      const Napi::Value entry = list.Get(i);
      if (!entry.IsObject()) return "sample: a stage is an object";
      const Napi::Object object = entry.As<Napi::Object>();
      rp::Stage stage;
      if (object.Get("kernel").IsString() && object.Get("kernel").As<Napi::String>().Utf8Value() == userKernel) {
        stage.user = loadedKernel;
        const double last = double(tensors_) - 1;
        if (!stage.user) return "sample: no kernel is loaded";
        if (!whole(object.Get("dims"), largestCount, stage.dims) || stage.dims.size() != stage.user->dims) return "sample: wrong dims";
        if (!whole(object.Get("out"), last, stage.out) || stage.out.size() != stage.user->tensors) return "sample: wrong tensors";
        spec.stages.push_back(std::move(stage));
        continue;
      }
      if (object.Get("kernel").IsString()) stage.op = rp::findOp(*spec.variant, object.Get("kernel").As<Napi::String>().Utf8Value().c_str());
      if (!stage.op) return "sample: unknown kernel";
      if (!whole(object.Get("dims"), largestCount, stage.dims) || int(stage.dims.size()) != stage.op->dims) return "sample: wrong dims";
      const double last = double(tensors_) - 1;
      if (!whole(object.Get("in"), last, stage.in) || int(stage.in.size()) != stage.op->inputs) return "sample: wrong inputs";
      if (!whole(object.Get("out"), last, stage.out) || int(stage.out.size()) != stage.op->outputs) return "sample: wrong outputs";
      spec.stages.push_back(std::move(stage));
    }
    return nullptr;
  }

  const char* readRows(const Napi::Object& object, rp::Spec& spec) {
    double row, ahead, burst, again;
    if (!count(object, "row", 1, largestCount, row) || !count(object, "ahead", 0, largestCount, ahead)) return "sample: rows take row and ahead";
    if (!count(object, "burst", 0, largestCount, burst) || !count(object, "again", 0, largestCount, again)) return "sample: rows take burst and again";
    bool known = false;
    for (const size_t length : rp::rowLengths) known = known || double(length) == row;
    if (!known || !spec.roam || spec.bytes < size_t(row)) return "sample: rows of no known length, or of a table that is smaller or does not roam";
    if (spec.bytes % rp::rowLengths[0] != 0) return "sample: a table of rows is of whole lines";
    for (int i = 0; i < spec.threads; i++)
      if (resident_[i] % rp::rowLengths[0] != 0) return "sample: a table of rows begins at a line, behind resident bytes of whole lines";
    spec.row = size_t(row);
    spec.asking = {size_t(ahead), size_t(burst), size_t(again), object.Get("stores").ToBoolean()};
    return nullptr;
  }

  const char* readSpec(const Napi::Object& object, rp::Spec& spec) {
    double number;
    if (!object.Get("isa").IsString()) return "sample: isa is missing";
    spec.variant = rp::findVariant(object.Get("isa").As<Napi::String>().Utf8Value().c_str());
    if (!spec.variant) return "sample: this CPU does not have that isa";
    if (!object.Get("probe").IsString() || !readProbe(object.Get("probe").As<Napi::String>(), spec)) return "sample: unknown probe";
    if (!count(object, "threads", 1, double(bytes_.size()), number)) return "sample: threads out of range";
    spec.threads = int(number);
    if (!count(object, "bytes", 0, largestCount, number)) return "sample: bytes out of range";
    spec.bytes = size_t(number);
    if (!count(object, "passes", 1, largestCount, number)) return "sample: passes out of range";
    spec.passes = uint64_t(number);
    if (!count(object, "repetitions", 1, 1e6, number)) return "sample: repetitions out of range";
    spec.repetitions = int(number);
    spec.roam = object.Get("roam").ToBoolean();
    spec.warm = object.Get("warm").ToBoolean();
    if (spec.probe == rp::Probe::chase && (spec.bytes < 64 || spec.threads != 1)) return "sample: a chase takes bytes and one thread";
    for (int i = 0; i < spec.threads && spec.probe != rp::Probe::chase; i++)
      if (double(spec.bytes) + (spec.roam ? double(resident_[i]) : 0) > double(bytes_[i])) return "sample: bytes exceed the session's memory";
    spec.counters = object.Get("counters").ToBoolean();
    spec.clock = object.Get("clock").ToBoolean();
    spec.meets = object.Get("meets").ToBoolean();
    if (spec.probe == rp::Probe::rows) return readRows(object, spec);
    if (spec.probe == rp::Probe::program) return readStages(object.Get("stages"), spec);
    return nullptr;
  }

  Napi::Value cancel(const Napi::CallbackInfo& info) {
    if (session_) session_->cancel();
    return info.Env().Undefined();
  }

  // Gives threads and memory back. A sample in flight holds the session until it ends.
  Napi::Value close(const Napi::CallbackInfo& info) {
    if (!session_) return info.Env().Undefined();
    session_->cancel();
    // Unmapping hundreds of MiB takes tens of milliseconds, so it happens on a thread of its own; here only where there is none.
    auto* last = new std::shared_ptr<rp::Session>(std::move(session_));
    session_.reset();
    const auto free = [](void* held) -> void* {
      delete static_cast<std::shared_ptr<rp::Session>*>(held);
      return nullptr;
    };
    pthread_t thread;
    if (pthread_create(&thread, nullptr, free, last) == 0) pthread_detach(thread);
    else free(last);
    return info.Env().Undefined();
  }

  std::shared_ptr<rp::Session> session_;
  std::vector<size_t> bytes_;
  std::vector<size_t> resident_;
  size_t tensors_ = 0;
  bool opened_ = false;
};

}  // namespace

void defineSession(Napi::Env env, Napi::Object exports) { SessionWrap::define(env, exports); }

}  // namespace glue
}  // namespace rp
