/** What a figure counts. */
export type Unit = 'requests/s' | 'rows/s' | 'jobs/s' | 'ms' | 's' | 'MB';

/** What ours is to reach: a multiple of another target's figure, by default the same one, or less or more than a limit. */
export type Goal = { times: number; of: 'bare' | 'plain'; at?: string } | { below: number } | { above: number };

/** A row of the report: what was measured, and what it should be. */
export interface Figure {
  title: string;
  unit: Unit;
  /** The gate. */
  atLeast?: Goal;
  /** The direction. */
  target?: Goal;
  /** The gate among many tenants: how many times as long it may take as in one that is alone. */
  atMostTimes?: number;
  /** The gates for books that remember: how many times as long it may take as with standard ones. */
  atMostOfKind?: { audited: number; 'append-only': number };
}

/** What a target's rounds gave, or the status by which it said that it cannot do this. */
export type Samples = number[] | { lacks: number };

/** A figure as it was measured, by the names of the targets. */
export interface Measured {
  figure: Figure;
  samples: Record<string, Samples>;
}
