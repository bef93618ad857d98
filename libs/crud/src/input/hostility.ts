const DEEPEST = 32; // no model nests deeper, and recursive libraries behind us must not meet the stack's end

/**
 * What in `value` no part of the system could keep as it is: text with NUL, which Postgres refuses; text with half a
 * surrogate pair, which UTF-8 would silently replace; names every object has, such as `constructor`, which class-transformer
 * skips or stumbles over; nesting without end. Undefined when all is well.
 */
export function hostility(value: object): { pointer: string; code: string; detail: string } | undefined {
  const waiting: { value: object; pointer: string; depth: number }[] = [{ value, pointer: '', depth: 1 }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    for (const key in next.value) {
      const child = (next.value as Record<string, unknown>)[key];
      const isNative = key in Object.prototype;
      const isHarmless = typeof child === 'string' ? isStorable(child) : typeof child !== 'object' || child === null;
      if (isHarmless && !isNative) continue;
      const pointer = `${next.pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (isNative) return { pointer, code: 'unknown_field', detail: `${key} is not a field here.` };
      if (typeof child === 'string') {
        return {
          pointer,
          code: 'text',
          detail: 'The text holds a NUL character or half a surrogate pair, which cannot be stored.',
        };
      }
      if (next.depth === DEEPEST)
        return { pointer, code: 'depth', detail: `Nothing here may nest deeper than ${DEEPEST} levels.` };
      waiting.push({ value: child as object, pointer, depth: next.depth + 1 });
    }
  }
  return undefined;
}

export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');
