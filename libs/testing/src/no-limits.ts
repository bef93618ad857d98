/** Tests ask more often than anybody may, but for those that are about it. */
export const NO_LIMITS = { RATE_LIMIT_AUTH: '1000000', RATE_LIMIT_REQUESTS: '1000000' };
