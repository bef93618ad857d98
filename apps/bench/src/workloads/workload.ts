import { Figure } from '../report/figure';
import { Target } from '../targets';

/** Something every target is asked to do, and what is measured of it. */
export interface Workload {
  /** What --only calls it. */
  name: string;
  figures: Figure[];
  /** Books in the table before it, when not as many as the target usually holds. */
  holds?: number;
  /** Whether every round has a new process: what a long life leaves in memory would hide what this takes. */
  isFresh?: boolean;
  /** Asks for it in small, for a target may lack it; gives the status. */
  probe?(target: Target): Promise<number>;
  /** Does it once, in round 0 to warm up, and gives a number for each figure. */
  measure(target: Target, round: number): Promise<number[]>;
}
