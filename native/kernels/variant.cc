// One variant's table: the only symbol of these objects that the baseline program refers to.
#include "families.h"

namespace rp {

const Variant& RP_VARIANT() {
  static const Variant* made = nullptr;
  static Variant v;
  if (!made) {
    v.isa = RP_NAME;
    v.vectorBytes = RP_BYTES;
    v.fmaF32 = RP_NS::fmaF32();
    v.fmaF64 = RP_NS::fmaF64();
    v.read = RP_NS::readOneStream();
    v.readStreams = RP_NS::readEightStreams();
    v.opCount += RP_NS::gemmOps(v.ops + v.opCount);
    v.opCount += RP_NS::rowOps(v.ops + v.opCount);
    v.opCount += RP_NS::elementOps(v.ops + v.opCount);
    v.opCount += RP_NS::attentionOps(v.ops + v.opCount);
    made = &v;
  }
  return v;
}

}  // namespace rp
