/** The last second that a NumericDate is taken for here, at the end of the year 9999: for what does not end by itself. */
export const NEVER = 253_402_300_799;
