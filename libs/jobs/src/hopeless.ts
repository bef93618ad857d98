/** What a handler throws when trying again is in vain: the job becomes a dead letter at once. */
export class Hopeless extends Error {}
