/** An agent: what a module for AGENTS_MODULE gives to registerAgent(). */
export const reportWriter = async ({ checkpoint, metadata }) => {
  const { facts } = checkpoint.intermediate_results;
  if (facts.length === 0)
    return {
      success: false,
      error: { type: 'validation', code: 'NO_FACTS', message: 'There is nothing to write about' },
    };
  const title = metadata.title ?? 'Report';
  return { success: true, data: { report: [`# ${title}`, ...facts.map((fact) => `- ${fact}`)].join('\n') } };
};
