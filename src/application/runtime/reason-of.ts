/** What an error says. Where several addresses were tried, only the errors inside it say why. */
export const reasonOf = (error: unknown): string => {
  const { errors, message } = error as { errors?: readonly unknown[]; message?: string };
  if (errors && errors.length > 0) return reasonOf(errors[0]);
  return message || String(error);
};
