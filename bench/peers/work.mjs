/** What every contender runs. Plain JavaScript, as the built application loads it too. */

export const STEPS = 6;
const WORDS = 188;
const CHARACTERS = 1_000;
const FEW_CHARACTERS = 250;
const STORED = 'stored-';

export const workflowName = (workflow) => `w-${workflow}`;
export const stepName = (step) => `step-${step + 1}`;

/** Of a workflow that is stored a million times. Its results are shorter, for the disk's sake. */
export const storedName = (workflow) => `${STORED}${workflow}`;

/** Looks random, so that no store can compress it, and is the same in every process. */
export const resultOf = (workflow, step, characters = CHARACTERS) => {
  const words = new Uint32Array(WORDS);
  let word = Math.imul(workflow * STEPS + step + 1, 2_654_435_761) || 1;
  for (let at = 0; at < WORDS; at++) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    words[at] = word;
  }
  return Buffer.from(words.buffer).toString('base64').slice(0, characters);
};

/** The same from the input of an agent: `project_id` is the workflow's name. */
export const answerTo = ({ project_id, step }) => ({
  success: true,
  data: resultOf(
    Number(project_id.slice(project_id.indexOf('-') + 1)),
    Number(step.slice('step-'.length)) - 1,
    project_id.startsWith(STORED) ? FEW_CHARACTERS : CHARACTERS,
  ),
});
