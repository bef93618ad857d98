import { getMetadataStorage, type MetadataStorage } from 'class-validator';

/** What one decorator of class-validator demands of one field. */
export type Demand = ReturnType<MetadataStorage['getTargetValidationMetadatas']>[number];

/** Whether `value`, a field of `object`, certainly is as demanded; `item` is what is looked at, at first all of `value`. */
export type Rule = (object: object, value: unknown, item: unknown) => unknown;

type Constraint = ReturnType<MetadataStorage['getTargetValidatorConstraints']>[number];

/** The rules of `demand`: they ask the validators that validateSync asks, in the same words. */
export function rulesOf(demand: Demand, targetName: string): Rule[] {
  return getMetadataStorage()
    .getTargetValidatorConstraints(demand.constraintCls)
    .filter(({ async }) => !async) // as validateSync does
    .map((constraint) => ruleOf(demand, targetName, constraint));
}

function ruleOf(demand: Demand, targetName: string, constraint: Constraint): Rule {
  const { propertyName: property, constraints, each, validateIf } = demand;
  const validate = validateOf(constraint);

  const one: Rule = (object, value, item) => validate(item, { targetName, property, object, value, constraints });
  const all: Rule = (object, value) => {
    if (Array.isArray(value)) return value.every((item) => one(object, value, item));
    return !(value instanceof Set || value instanceof Map) && one(object, value, value);
  };
  const rule = each ? all : one;
  return validateIf ? (object, value) => !validateIf(object, value) || rule(object, value, value) : rule;
}

/** Behind most decorators is a class of this name, without state; another may come from a container, each time anew. */
function validateOf(constraint: Constraint): Constraint['instance']['validate'] {
  if (constraint.target.name !== 'CustomConstraint') return (value, args) => constraint.instance.validate(value, args);
  return constraint.instance.validate.bind(constraint.instance);
}
