/** What a login can be in a tenant. */
export const ROLES = ['owner', 'editor', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

/** A star stands for whatever a tenant has, so no permission of the platform may end like one that has a star here. */
const PERMISSIONS: Record<Role, readonly string[]> = {
  viewer: ['*:read'],
  editor: ['*:read', '*:write', '*:delete'],
  owner: [
    '*:read',
    '*:write',
    '*:delete',
    '*:erase',
    'members:manage',
    'api-keys:manage',
    'audit:manage',
    'erasures:manage',
  ],
};

/** What platform administrators may do besides: all of `/platform`, and nothing in a tenant. */
export const ADMINISTER = 'platform:administer';

export const permissionsOf = (role: Role | null, isPlatformAdmin: boolean): readonly string[] => {
  const permissions = role ? PERMISSIONS[role] : [];
  return isPlatformAdmin ? [...permissions, ADMINISTER] : permissions;
};
