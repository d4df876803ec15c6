/** Whose cores kernels are tuned for (native/core/cores.h): those that some of them go another way on. */
export const makes = process.arch === 'x64' ? (['intel', 'amd'] as const) : (['other'] as const)
