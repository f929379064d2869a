import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const syntax = (selector, message) => ({ selector, message });

const naming = [
  syntax(
    ':matches(ClassDeclaration, TSInterfaceDeclaration, TSTypeAliasDeclaration)[id.name=/(Manager|Helper|Util|Base|Impl)s?$/]',
    'Say what it does: no Manager, Helper, Util, Base or Impl.',
  ),
  syntax('TSInterfaceDeclaration[id.name=/^I[A-Z][a-z]/]', 'An interface has no I prefix.'),
];

/** Time, ids and chance come in through ports, so that a run can be repeated in a test. */
const pure = [
  syntax('MemberExpression[object.name="Date"][property.name="now"]', 'Take the time from Clock.'),
  syntax('NewExpression[callee.name="Date"][arguments.length=0]', 'Take the time from Clock.'),
  syntax('CallExpression[callee.name="Date"]', 'Take the time from Clock.'),
  syntax('MemberExpression[object.name="Math"][property.name="random"]', 'Chance comes in through a port.'),
  syntax('MemberExpression[property.name=/^(randomUUID|randomBytes|randomInt)$/]', 'Ids come in through a port.'),
  syntax('MemberExpression[object.name="AbortSignal"][property.name="timeout"]', 'Wait through Clock.'),
];
/** Of the application's methods of that name the log's alone takes three: a stream, its events, its expected revision. */
const pastTheWriter = syntax(
  'CallExpression[callee.property.name="append"][arguments.length=3]',
  'Events get into the log through StreamWriter.',
);
const impureGlobals = ['setTimeout', 'setInterval', 'setImmediate', 'process', 'performance', 'fetch', 'globalThis'];
const impureImports = {
  paths: [
    { name: 'node:crypto', importNames: ['randomUUID', 'randomBytes', 'randomInt', 'webcrypto'] },
    { name: 'uuid', importNames: ['v1', 'v4', 'v6', 'v7'] },
  ].map((path) => ({ ...path, message: 'Ids come in through a port.' })),
  patterns: [{ group: ['node:timers', 'node:timers/*', 'node:process', 'node:perf_hooks'], message: 'Use a port.' }],
};

const everyTestRuns = [
  syntax(
    'MemberExpression[object.name=/^(describe|it|test)$/][property.name=/^(skip|only|todo|failing)$/]',
    'Every test runs: mend it or remove it.',
  ),
  syntax(
    'CallExpression[callee.name=/^(xit|xtest|xdescribe|fit|fdescribe)$/]',
    'Every test runs: mend it or remove it.',
  ),
];

export default defineConfig(
  globalIgnores(['dist/', '.dist-*/', 'data/', 'coverage/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['warn', 300],
      'no-restricted-syntax': ['error', ...naming],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { allowDefaultCaseForExhaustiveSwitch: true }],
      // A port's method is async although one of its adapters has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // The domain's functions are plain and know no `this`.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['src/**/*.ts', 'bench/**/*.ts'],
    rules: { 'max-lines-per-function': ['error', 60] },
  },
  { files: ['src/**/*.ts'], rules: { 'no-console': 'error' } },
  { files: ['src/main.ts', 'src/interfaces/cli/**/*.ts', 'src/**/main.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['src/domain/**/*.ts', 'src/application/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...impureGlobals.map((name) => ({ name, message: 'Use a port.' }))],
      'no-restricted-imports': ['error', impureImports],
      'no-restricted-syntax': ['error', ...naming, ...pure],
    },
  },
  {
    // Its time is virtual, its chance seeded: the same test has the same events.
    files: ['src/testing/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', impureImports], 'no-restricted-syntax': ['error', ...naming, ...pure] },
  },
  {
    files: ['src/application/**/*.ts'],
    ignores: ['src/application/log/{append,stream-writer,write-probe}.ts'],
    rules: { 'no-restricted-syntax': ['error', ...naming, ...pure, pastTheWriter] },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'max-lines': 'off',
      'no-restricted-syntax': ['error', ...naming, ...everyTestRuns],
      // Tests look into answers and rows whose shape is what they assert.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'module',
          'URL',
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'Buffer',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
);
