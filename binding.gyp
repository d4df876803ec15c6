{
  # One static library per ISA from the same sources: the addon itself is built for the baseline, and native/core/variants.cc
  # chooses at run time. No global -march: the binary must load on every CPU of its architecture.
  'variables': {
    'kernels': ["<!@(node -p \"require('fs').readdirSync('native/kernels').filter(f => f.endsWith('.cc')).map(f => 'native/kernels/' + f).join(' ')\")"],
    # -O3 is what Node's own common.gypi puts behind these flags in any case: said here so that a loop compiled beside a kernel takes the same.
    'common': ['-O3', '-Wall', '-Wextra', '-Wno-psabi', '-fno-math-errno', '-ffp-contract=fast', '-fvisibility=hidden'],
  },
  'target_defaults': {
    'default_configuration': 'Release',
    # A loop that straddles fetch windows loses 2.5 % of the L1 bandwidth on Zen 4.
    'cflags': ['<@(common)', '-falign-loops=64'],
    'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti'],
    'xcode_settings': {
      'OTHER_CPLUSPLUSFLAGS': ['-std=c++17', '<@(common)', '-fno-exceptions', '-fno-rtti'],
      'MACOSX_DEPLOYMENT_TARGET': '12.0',
    },
  },
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'kernels_sse2', 'type': 'static_library', 'sources': ['<@(kernels)'],
          'defines': ['RP_ISA_SSE2'],
        },
        {
          'target_name': 'kernels_scalar', 'type': 'static_library', 'sources': ['<@(kernels)'],
          'defines': ['RP_ISA_SCALAR'],
          'cflags': ['-mavx', '-mfma', '-fno-tree-vectorize'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx', '-mfma', '-fno-tree-vectorize']},
        },
        {
          'target_name': 'kernels_sse', 'type': 'static_library', 'sources': ['<@(kernels)'],
          'defines': ['RP_ISA_SSE'],
          'cflags': ['-mavx', '-mfma'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx', '-mfma']},
        },
        {
          'target_name': 'kernels_avx2', 'type': 'static_library', 'sources': ['<@(kernels)'],
          'defines': ['RP_ISA_AVX2'],
          'cflags': ['-mavx2', '-mfma'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx2', '-mfma']},
        },
        {
          'target_name': 'kernels_avx512', 'type': 'static_library', 'sources': ['<@(kernels)'],
          'defines': ['RP_ISA_AVX512'],
          'cflags': ['-mavx2', '-mfma', '-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', '-mprefer-vector-width=512'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx2', '-mfma', '-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', '-mprefer-vector-width=512']},
        },
      ],
    }],
    ['target_arch=="arm64"', {
      'targets': [
        {
          'target_name': 'kernels_scalar', 'type': 'static_library', 'sources': ['<@(kernels)'],
          'defines': ['RP_ISA_SCALAR'],
          'cflags': ['-fno-tree-vectorize'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-fno-tree-vectorize']},
        },
        {
          'target_name': 'kernels_neon', 'type': 'static_library', 'sources': ['<@(kernels)'],
          'defines': ['RP_ISA_NEON'],
        },
      ],
    }],
    # Apple's cores have no SVE outside of streaming mode.
    ['target_arch=="arm64" and OS=="linux"', {
      'targets': [
        {
          'target_name': 'kernels_sve', 'type': 'static_library', 'sources': ['native/kernels/sve.cc', 'native/kernels/sve-functions.cc', 'native/kernels/sve-memory.cc'],
          'defines': ['RP_ISA_SVE'],
          'cflags': ['-march=armv8.2-a+sve'],
        },
      ],
    }],
  ],
  'targets': [
    {
      'target_name': 'ridgepoint',
      'sources': ['native/addon.cc', 'native/measuring.cc', 'native/operators.cc', 'native/core/cores.cc', 'native/core/counters.cc', 'native/core/memory.cc', 'native/core/pool.cc', 'native/core/session.cc', 'native/core/user.cc', 'native/core/variants.cc'],
      'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
      'defines': ['NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS'],
      'conditions': [
        ['target_arch=="x64"', {'dependencies': ['kernels_sse2', 'kernels_scalar', 'kernels_sse', 'kernels_avx2', 'kernels_avx512']}],
        ['target_arch=="arm64"', {'dependencies': ['kernels_scalar', 'kernels_neon']}],
        ['target_arch=="arm64" and OS=="linux"', {'dependencies': ['kernels_sve']}],
      ],
    },
  ],
}
