/** How much is asked of every target. */
export interface Plan {
  rounds: number;
  /** Books in each table. */
  books: number;
  /** Requests a round, of each kind: some seconds for the slowest target. */
  readsOfOne: number;
  readsOfPage: number;
  createsOfOne: number;
  imported: number;
  exported: number;
  /** Books in the tables on which ours is compared with itself, the smallest first. */
  sizes: number[];
}

/** All figures: about twenty minutes on two cores, most of them plain's. */
export const FULL: Plan = {
  rounds: 3,
  books: 100_000,
  readsOfOne: 32_000,
  readsOfPage: 6_400,
  createsOfOne: 12_800,
  imported: 1_000_000,
  exported: 300_000,
  sizes: [10_000, 100_000, 1_000_000],
};

/** The figures to work by: about seven minutes. */
export const QUICK: Plan = {
  ...FULL,
  readsOfOne: 4_800,
  readsOfPage: 1_280,
  createsOfOne: 2_560,
  imported: 100_000,
  exported: 100_000,
  sizes: [10_000, 100_000],
};
