/** Is told how much of long work is done, and of how much where that is known. */
export type Follow = (done: number, total?: number) => void;
