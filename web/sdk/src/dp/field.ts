// Finite fields of prime-power order; elements are numbered as in crates/dp/src/field.rs.

export interface Field {
  readonly order: number;
  add(a: number, b: number): number;
  negate(a: number): number;
  multiply(a: number, b: number): number;
  /** The inverse of a non-zero element. */
  invert(a: number): number;
}

/** p and e with order = pᵉ, if there are such. */
export function primePower(order: number): [prime: number, degree: number] | undefined {
  let prime = 2;
  while (prime * prime <= order && order % prime) prime++;
  if (prime * prime > order) prime = order;
  let [degree, power] = [0, 1];
  for (; power < order; power *= prime) degree++;
  return degree && power === order ? [prime, degree] : undefined;
}

/** The field of a prime-power order. */
export function field(order: number): Field {
  const [prime, degree] = primePower(order)!;
  return degree === 1 ? primeField(order) : extensionField(prime, order);
}

function primeField(order: number): Field {
  const power = (base: number, exponent: number): number => {
    let result = 1;
    for (let rest = exponent, square = base; rest; rest = Math.floor(rest / 2), square = (square * square) % order) {
      if (rest % 2) result = (result * square) % order;
    }
    return result;
  };
  return {
    order,
    add: (a, b) => (a + b) % order,
    negate: (a) => (order - a) % order,
    multiply: (a, b) => (a * b) % order,
    invert: (a) => power(a, order - 2),
  };
}

/** Products by logarithms of x, sums digit by digit in base p. */
function extensionField(prime: number, order: number): Field {
  const digitwise = (combine: (a: number, b: number) => number) => (a: number, b: number) => {
    let sum = 0;
    for (let place = 1; place < order; place *= prime) {
      sum += (combine(Math.floor(a / place) % prime, Math.floor(b / place) % prime) % prime) * place;
    }
    return sum;
  };
  const add = digitwise((a, b) => a + b);
  const subtract = digitwise((a, b) => a - b + prime);
  const [power, log] = logarithms(prime, order, subtract);
  return {
    order,
    add,
    negate: (a) => subtract(0, a),
    multiply: (a, b) => (a && b ? power[(log[a]! + log[b]!) % (order - 1)]! : 0),
    invert: (a) => power[(order - 1 - log[a]!) % (order - 1)]!,
  };
}

/** Tables from the first polynomial xᵉ + low(x), in ascending order, of which x has full multiplicative order. */
function logarithms(prime: number, order: number, subtract: Field["add"]): [power: number[], log: number[]] {
  for (let low = 1; ; low++) {
    const power: number[] = [];
    const log: number[] = [];
    for (let element = 1; element && log[element] === undefined; ) {
      log[element] = power.length;
      power.push(element);
      const top = Math.floor((element * prime) / order);
      element = (element * prime) % order;
      for (let times = 0; times < top; times++) element = subtract(element, low);
    }
    if (power.length === order - 1) return [power, log];
  }
}
