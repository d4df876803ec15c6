// One variant's table: the only symbol of these objects that the baseline program refers to.
#include "families.h"

namespace rp {

const Variant& RP_VARIANT() {
  static const Variant* made = nullptr;
  static Variant v;
  if (!made) {
    v.isa = RP_NAME;
    v.vectorBytes = RP_BYTES;
    v.computeCount += RP_NS::arithmeticProbes(v.compute + v.computeCount);
    v.computeCount += RP_NS::dotProbes(v.compute + v.computeCount);
    v.computeCount += RP_NS::tileProbes(v.compute + v.computeCount);
    v.computeCount += RP_NS::functionProbes(v.compute + v.computeCount);
    v.memoryCount += RP_NS::readProbes(v.memory + v.memoryCount);
    v.memoryCount += RP_NS::mixProbes(v.memory + v.memoryCount);
#define RP_COLLECT(name) v.opCount += RP_NS::name##Ops(v.ops + v.opCount);
    RP_OP_FAMILIES(RP_COLLECT)
    made = &v;
  }
  return v;
}

}  // namespace rp
