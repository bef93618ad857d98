import { createPrivateKey, createPublicKey, KeyObject } from 'node:crypto';
import { ValidateBy } from 'class-validator';

/** Whether the text is a private key that tokens can be signed with. */
export const IsPrivateKey = (): PropertyDecorator =>
  isKey('isPrivateKey', createPrivateKey, 'openssl genpkey -algorithm ed25519');

/** Whether the text is a key, public or private, that tokens can be checked with. */
export const IsPublicKey = (): PropertyDecorator => isKey('isPublicKey', createPublicKey, 'openssl pkey -pubout');

const isKey = (name: string, read: (pem: string) => KeyObject, command: string): PropertyDecorator =>
  ValidateBy({
    name,
    validator: {
      validate: (pem: string) => {
        try {
          const { asymmetricKeyType, asymmetricKeyDetails } = read(pem);
          return asymmetricKeyType === 'ed25519' || asymmetricKeyDetails?.namedCurve === 'prime256v1';
        } catch {
          return false;
        }
      },
      defaultMessage: () => `must be a key of Ed25519 or P-256 as PEM, such as ${command} prints`,
    },
  });
