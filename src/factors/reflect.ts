/** Where a place beyond 0 … length − 1 lies on a line that is mirrored at both its ends, the last pixel counting twice. */
export function reflect(place: number, length: number): number {
  const period = 2 * length;
  const within = (((place + 0.5) % period) + period) % period;
  return (within < length ? within : period - within) - 0.5;
}
