/**
 * Regular expressions as Postgres' `~` knows them, without back references and look-around, matched in time that grows
 * with the text alone: a client's pattern must not be able to stop the process, as it could JavaScript's own.
 */
import { FilterRefused, unmetered, type Spend } from './read-filter.js';
import { parsePattern, type Node, type Test } from './parse-pattern.js';

/** Steps of a compiled pattern, at most: `{m,n}` multiplies what it stands behind. */
const STEPS = 1_000;

type Step =
  | Readonly<{ type: 'char'; test: Test }>
  | Readonly<{ type: 'assert'; holds: (text: readonly string[], at: number) => boolean }>
  | { type: 'fork'; to: number[] };

type PatternTest = ((text: string, spend?: Spend) => boolean) & Readonly<{ steps: number }>;

/** @throws FilterRefused */
export const posixPattern = (pattern: string, { ignoreCase = false } = {}): PatternTest => {
  const steps: Step[] = [];
  compileNode(parsePattern(pattern, ignoreCase), steps);
  const test = (text: string, spend = unmetered) => isFound([...text], steps, spend);
  return Object.assign(test, { steps: steps.length });
};

/** Each node ends where the next step stands; the pattern has matched where no step is left. */
const compileNode = (node: Node, steps: Step[]): void => {
  if (steps.length > STEPS)
    throw new FilterRefused(`ERROR P0001 (raise_exception) invalid regular expression: more than ${STEPS} steps`);
  switch (node.type) {
    case 'char':
    case 'assert':
      steps.push(node);
      return;
    case 'sequence':
      for (const part of node.parts) compileNode(part, steps);
      return;
    case 'choice':
      return compileChoice(node.parts, steps);
    case 'repeat': {
      for (let times = 0; times < node.min; times++) {
        const before = steps.length;
        compileNode(node.part, steps);
        if (steps.length === before) break;
      }
      if (node.max === Infinity) return compileAnyNumber(node.part, steps);
      const ways: number[][] = [];
      for (let times = node.min; times < node.max; times++) {
        ways.push(fork(steps));
        compileNode(node.part, steps);
      }
      for (const way of ways) way.push(steps.length);
    }
  }
};

/** @returns where it leads: to the next step at once, and to what is added. */
const fork = (steps: Step[]): number[] => {
  const to = [steps.length + 1];
  steps.push({ type: 'fork', to });
  return to;
};

const compileAnyNumber = (part: Node, steps: Step[]): void => {
  const start = steps.length;
  const way = fork(steps);
  compileNode(part, steps);
  steps.push({ type: 'fork', to: [start] });
  way.push(steps.length);
};

const compileChoice = (parts: readonly Node[], steps: Step[]): void => {
  const ends: number[][] = [];
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    const way = isLast ? undefined : fork(steps);
    compileNode(part, steps);
    if (isLast) break;
    const end: number[] = [];
    steps.push({ type: 'fork', to: end });
    ends.push(end);
    way?.push(steps.length);
  }
  for (const end of ends) end.push(steps.length);
};

/** All ways through the pattern are followed at once; each step is looked at once for a character. */
const isFound = (text: readonly string[], steps: readonly Step[], spend: Spend): boolean => {
  const seenAt = new Int32Array(steps.length + 1).fill(-1);
  let waiting: number[] = [];
  for (let at = 0; at <= text.length; at++) {
    const next: number[] = [];
    const open = [...waiting, 0];
    let looked = 0;
    while (open.length > 0) {
      const index = open.pop()!;
      looked += 1;
      if (index === steps.length) return true;
      if (seenAt[index] === at) continue;
      seenAt[index] = at;
      const step = steps[index]!;
      if (step.type === 'fork') open.push(...step.to);
      else if (step.type === 'assert') {
        if (step.holds(text, at)) open.push(index + 1);
      } else if (at < text.length && step.test(text[at]!)) next.push(index + 1);
    }
    spend(looked);
    waiting = next;
  }
  return false;
};
