import { permits } from './principal';

describe('permits', () => {
  it.each([
    [['books:read'], 'books:read', true],
    [['books:read'], 'books:write', false],
    [['books:read'], 'critics:read', false],
    [['*:read'], 'books:read', true],
    [['*:read'], 'books:write', false],
    [['*:read'], '*:read', true],
    [['books:read'], '*:read', false],
    [[], 'books:read', false],
    [['*:read', '*:write', '*:delete'], 'platform:administer', false],
  ])('%j and %s: %s', (permissions, wanted, expected) => {
    expect(permits(permissions, wanted)).toBe(expected);
  });
});
