/** Module hooks for the test files alone: the names that `tsconfig.json` knows, and Jest's own. */
const NAMES = {
  'workflow-executor': new URL('../../src/index.ts', import.meta.url).href,
  '@/lib/workflow/executor': new URL('../../src/index.ts', import.meta.url).href,
  '@/lib/supabase/client': new URL('../../src/lib/supabase/client.ts', import.meta.url).href,
  '@jest/globals': 'data:text/javascript,export const { jest } = globalThis',
};

export const resolve = (specifier, context, next) => next(NAMES[specifier] ?? specifier, context);
