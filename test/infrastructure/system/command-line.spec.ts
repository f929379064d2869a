import { calledAs } from '../../../src/infrastructure/system/command-line.js';

test('a program names others as it was called itself: by npm in a checkout, or as a verb of `workflow`', () => {
  const npm = { npm_package_name: 'workflow-executor', npm_lifecycle_event: 'quickstart' };
  expect(calledAs('audit', npm)).toBe('npm run audit --');
  expect(calledAs('serve', npm)).toBe('npm start');
  expect(calledAs('audit', { ...npm, npm_lifecycle_event: 'workflow' })).toBe('workflow audit');
  expect(calledAs('audit', { ...npm, npm_lifecycle_event: 'npx' })).toBe('workflow audit');
  expect(calledAs('audit', { ...npm, npm_package_name: 'a-users-project' })).toBe('workflow audit');
  expect(calledAs('serve', {})).toBe('workflow serve');
});
