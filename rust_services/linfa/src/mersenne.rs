//! The 32-bit Mersenne Twister and how scikit-learn's liblinear draws from it, so that rows come in the same order.

/// Matsumoto and Nishimura (1998): words of state, distance of the words that are mixed, and their constants.
const WORDS: usize = 624;
const APART: usize = 397;
const TWIST: u32 = 0x9908_b0df;
const SPREAD: u32 = 1_812_433_253;

pub(crate) struct Mersenne {
    state: [u32; WORDS],
    next: usize,
}

impl Mersenne {
    pub(crate) fn seeded(seed: u32) -> Self {
        let mut state = [seed; WORDS];
        for (place, number) in (1..WORDS).zip(1_u32..) {
            let before = state[place - 1];
            state[place] = SPREAD.wrapping_mul(before ^ (before >> 30)).wrapping_add(number);
        }
        Self { state, next: WORDS }
    }

    fn draw(&mut self) -> u32 {
        if self.next == WORDS {
            self.renew();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn renew(&mut self) {
        for place in 0..WORDS {
            let joined = (self.state[place] & 0x8000_0000) | (self.state[(place + 1) % WORDS] & 0x7fff_ffff);
            let twisted = (joined >> 1) ^ if joined & 1 == 1 { TWIST } else { 0 };
            self.state[place] = self.state[(place + APART) % WORDS] ^ twisted;
        }
        self.next = 0;
    }

    /// A number below `limit`, each equally likely: Lemire (2019), of 32 bits.
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a product of 64 bits")]
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        let mut product = u64::from(self.draw()) * u64::from(limit);
        if (product as u32) < limit {
            let least = limit.wrapping_neg() % limit;
            while (product as u32) < least {
                product = u64::from(self.draw()) * u64::from(limit);
            }
        }
        (product >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_thousandth_word_is_the_one_of_the_standard() {
        // C++11, 26.5.5: of std::mt19937 with its default seed.
        let mut mersenne = Mersenne::seeded(5489);
        assert_eq!((0..10_000).map(|_| mersenne.draw()).last(), Some(4_123_659_995));
    }

    #[test]
    fn draws_lie_below_their_limit_and_reach_every_number() {
        let mut mersenne = Mersenne::seeded(1);
        let mut seen = [0; 7];
        for _ in 0..700 {
            seen[mersenne.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 50));
        assert_eq!(mersenne.below(1), 0);
    }
}
