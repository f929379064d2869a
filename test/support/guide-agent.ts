/**
 * The guide's own example of a custom agent, less its types, as JavaScript has none.
 * @param processData what its `processData(input)` does: an arrow function's body or expression
 */
export const guideAgent = (processData: string): string => `
import { registerAgent } from '@/lib/workflow/executor'

const processData = async (input) => ${processData}

registerAgent('my_agent', async (input) => {
  try {
    // Your agent logic here
    const result = await processData(input)

    return {
      success: true,
      data: result,
      metadata: {
        duration_ms: 1000,
        model_used: 'gpt-4',
      }
    }
  } catch (error) {
    return {
      success: false,
      error: {
        type: 'transient',  // or 'validation' or 'fatal'
        message: error.message,
        code: 'MY_ERROR_CODE',
      }
    }
  }
})
`;
