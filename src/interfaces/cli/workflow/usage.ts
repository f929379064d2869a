import { GROUPS } from './verbs.js';

const WIDTH = 18;

export const usage = (): string => {
  const groups = GROUPS.map(([title, verbs]) =>
    [`${title}:`, ...verbs.map(({ name, summary }) => `  ${name.padEnd(WIDTH)}${summary}`)].join('\n'),
  );
  return [
    'Usage: workflow VERB [ARGUMENTS]; workflow VERB --help for what a verb takes; workflow --version',
    ...groups,
    EXIT_CODES,
  ].join('\n\n');
};

const EXIT_CODES = `Exit codes:
  0    done
  1    failed: the execution failed, a check found something wrong, or a program could not go on
  2    wrong usage; of \`replay\`, an error; of \`audit\` and \`verify\`, not proven
  3    the API refused the request (4xx)
  4    the API cannot be reached
  130  interrupted by Ctrl-C; programs that serve or follow end with 0 then, in order`;
