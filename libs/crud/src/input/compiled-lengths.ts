import { getCallSites } from 'node:util';
import { getMetadataStorage, Length, MaxLength, MinLength } from 'class-validator';
import type { ValidationArguments, ValidatorConstraintInterface } from 'class-validator';

/** Whether a look at its `length` tells that `text` is within a decorator's constraints; false when more must be known. */
export type LengthCheck = (text: string, constraints: number[]) => boolean;

/**
 * class-validator counts characters, by regular expressions that take longer than all other checks together. Characters
 * have one code unit at least, and three at most: a surrogate pair and a variation selector.
 */
const CHECKS: [PropertyDecorator, LengthCheck][] = [
  [MinLength(1), (text, [min]) => text.length / 3 >= min],
  [MaxLength(1), (text, [max]) => text.length <= max],
  [Length(1, 1), (text, [min, max]) => text.length / 3 >= min && text.length <= max],
];

const checksByName = new Map(
  CHECKS.map(([decorate, check]) => {
    class Sample {}
    decorate(Sample.prototype, 'text');
    const [{ name, constraintCls }] = getMetadataStorage().getTargetValidationMetadatas(Sample, '', false, false);
    const [{ instance }] = getMetadataStorage().getTargetValidatorConstraints(constraintCls);
    return [name, { check, origin: originOf(instance) }];
  }),
);

/** The check that spares asking `validator`, if it is class-validator's own of that `name` and not someone else's. */
export function lengthCheckOf(
  name: string | undefined,
  validator: ValidatorConstraintInterface,
): LengthCheck | undefined {
  const known = checksByName.get(name);
  return known?.origin !== undefined && known.origin === originOf(validator) ? known.check : undefined;
}

/** The way through the code on which `validator` reads its constraints, which no other takes, whatever its name. */
function originOf(validator: ValidatorConstraintInterface): string | undefined {
  let origin: string | undefined;
  const args = {
    get constraints() {
      origin = JSON.stringify(getCallSites(4)); // here, the decorator, registerDecorator() and the call below
      return [];
    },
  };
  try {
    void validator.validate('', args as unknown as ValidationArguments);
  } catch {} // someone else's, that reads more
  return origin;
}
