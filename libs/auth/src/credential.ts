import type { Principal } from '@app/access';

/** Who a credential is of, and when it expires, in milliseconds since 1970. */
export interface Credential {
  principal: Principal;
  expiresAt: number;
}
