import { readFileSync } from 'node:fs';

const optionsOf = (words: readonly string[]) => words.filter((word) => word.startsWith('--'));

test('the image starts the application with the options of npm start', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<'start', string> };
  const [command] = /(?<=^CMD )\[.*\]$/m.exec(readFileSync('Dockerfile', 'utf8')) ?? [];
  const options = optionsOf(scripts.start.split(' '));
  expect(options).not.toEqual([]);
  expect(optionsOf(JSON.parse(command ?? '[]') as string[])).toEqual(options);
});
