import type { Settings } from '@app/config';

/** Where a mailed link leads: to a page that does `act`. What stands behind the # no server gets to log. */
export const accountLink = (
  { baseUrl }: Settings,
  act: 'verify' | 'reset' | 'accept',
  email: string,
  token: string,
): string => `${baseUrl}/account#${act}=${token}&email=${encodeURIComponent(email)}`;
