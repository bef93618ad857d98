/** How much is asked of every target. */
export interface Plan {
  rounds: number;
  /** Books in each table. */
  books: number;
  /** Requests before the first that counts: V8 goes on compiling for some ten thousand, and a service runs for days. */
  warmUp: number;
  /** Requests a round, of each kind: some seconds for the slowest target. */
  readsOfOne: number;
  readsOfPage: number;
  createsOfOne: number;
  /** Creations of many: the rows of one call, and the calls a round, the largest last. */
  createsOfMany: { rows: number; calls: number }[];
  /** Books that are changed, in one call; and one by one. */
  updated: number;
  updatedSingly: number;
  imported: number;
  exported: number;
  /** Books in the tables on which ours is compared with itself, the smallest first. */
  sizes: number[];
  /** Tenants beside which one alone is compared. */
  tenants: number;
  booksOfTenant: number;
  /** Jobs that are left and done at a time; that are left one by one; and whose end is waited for. */
  jobs: number;
  jobsSingly: number;
  jobsAwaited: number;
}

/** All figures: about half an hour on two cores, most of it plain's. */
export const FULL: Plan = {
  rounds: 3,
  books: 100_000,
  warmUp: 16_000,
  readsOfOne: 32_000,
  readsOfPage: 6_400,
  createsOfOne: 12_800,
  createsOfMany: [
    { rows: 1_000, calls: 10 },
    { rows: 10_000, calls: 3 },
    { rows: 50_000, calls: 1 },
  ],
  updated: 10_000,
  updatedSingly: 12_800,
  imported: 1_000_000,
  exported: 300_000,
  sizes: [10_000, 100_000, 1_000_000],
  tenants: 1_000,
  booksOfTenant: 100,
  jobs: 10_000,
  jobsSingly: 4_000,
  jobsAwaited: 400,
};

/** The figures to work by: about two minutes. */
export const QUICK: Plan = {
  ...FULL,
  warmUp: 3_200,
  readsOfOne: 1_600,
  readsOfPage: 320,
  createsOfOne: 960,
  createsOfMany: [
    { rows: 1_000, calls: 4 },
    { rows: 10_000, calls: 1 },
  ],
  updated: 2_000,
  updatedSingly: 960,
  imported: 10_000,
  exported: 10_000,
  sizes: [10_000, 100_000],
  tenants: 100,
  jobs: 2_000,
  jobsSingly: 500,
  jobsAwaited: 100,
};
