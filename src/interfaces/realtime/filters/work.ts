/** What a test of a row costs, told while it goes on: about as many steps as a matcher takes. May throw to end it. */
export type Spend = (steps: number) => void;

export const forFree: Spend = () => undefined;
