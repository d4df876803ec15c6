/** Positions of models whose state has one size however long the sequence: as many tokens as a size may be (1e9). */
export const UNBOUNDED = 1e9
