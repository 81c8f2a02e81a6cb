//! Prices: so much for a unit, by kind of service and by how long the prompt is.

/// What is paid for. A token of the prompt is an `Input` unless it is one of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Unit {
    /// A token of the prompt.
    Input,
    /// A token of the answer.
    Output,
    /// A token of the prompt that the provider's cache had.
    CacheRead,
    /// A token of the prompt that the provider's cache took.
    CacheWrite,
    /// As `CacheWrite`, to be kept for an hour.
    CacheWriteHour,
    /// A token of sound in the prompt.
    AudioIn,
    /// A token of sound in the answer.
    AudioOut,
    /// A token of sound in the prompt that the cache had.
    AudioRead,
    /// A token of an image in the prompt.
    ImageIn,
    /// A token of an image in the answer.
    ImageOut,
    /// A token of the answer that was thought and not said.
    Reasoning,
    /// An image in the prompt.
    PerImageIn,
    /// An image in the answer.
    PerImage,
    /// A second of sound or film that is sent.
    PerSecondIn,
    /// A second of sound or film that is made.
    PerSecond,
    /// A character that is sent.
    PerCharIn,
    /// A character that is made.
    PerChar,
    /// A search, as rerankers bill it.
    PerQuery,
    /// A request, whatever is in it.
    PerRequest,
}

impl Unit {
    /// Every unit, in the order of their numbers.
    pub const ALL: [Unit; 19] = [
        Unit::Input,
        Unit::Output,
        Unit::CacheRead,
        Unit::CacheWrite,
        Unit::CacheWriteHour,
        Unit::AudioIn,
        Unit::AudioOut,
        Unit::AudioRead,
        Unit::ImageIn,
        Unit::ImageOut,
        Unit::Reasoning,
        Unit::PerImageIn,
        Unit::PerImage,
        Unit::PerSecondIn,
        Unit::PerSecond,
        Unit::PerCharIn,
        Unit::PerChar,
        Unit::PerQuery,
        Unit::PerRequest,
    ];

    /// Its name in the catalog's text.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Input => "in",
            Unit::Output => "out",
            Unit::CacheRead => "read",
            Unit::CacheWrite => "write",
            Unit::CacheWriteHour => "write_1h",
            Unit::AudioIn => "audio_in",
            Unit::AudioOut => "audio_out",
            Unit::AudioRead => "audio_read",
            Unit::ImageIn => "image_in",
            Unit::ImageOut => "image_out",
            Unit::Reasoning => "reasoning",
            Unit::PerImageIn => "per_image_in",
            Unit::PerImage => "per_image",
            Unit::PerSecondIn => "per_second_in",
            Unit::PerSecond => "per_second",
            Unit::PerCharIn => "per_char_in",
            Unit::PerChar => "per_char",
            Unit::PerQuery => "per_query",
            Unit::PerRequest => "per_request",
        }
    }

    fn from_name(name: &str) -> Option<Unit> {
        Unit::ALL.into_iter().find(|unit| unit.name() == name)
    }
}

/// How soon an answer is wanted, where that has its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// As everybody is served.
    #[default]
    Standard,
    /// Within a day.
    Batch,
    /// When there is room.
    Flex,
    /// Before the others.
    Priority,
}

impl Service {
    /// The service that OpenAI's `service_tier` names; others are served as everybody is.
    pub fn from_tier(tier: &str) -> Service {
        match tier {
            "batch" => Service::Batch,
            "flex" => Service::Flex,
            "priority" => Service::Priority,
            _ => Service::Standard,
        }
    }

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Service::Standard => "standard",
            Service::Batch => "batch",
            Service::Flex => "flex",
            Service::Priority => "priority",
        }
    }

    fn letter(self) -> &'static str {
        match self {
            Service::Standard => "",
            Service::Batch => "b",
            Service::Flex => "f",
            Service::Priority => "p",
        }
    }
}

/// So much for each unit, in picodollars: 1e-12 US dollars a token is a micro-dollar a million tokens. `None` is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates([Option<u64>; Unit::ALL.len()]);

impl Rates {
    /// What one unit costs, in picodollars.
    pub fn get(&self, unit: Unit) -> Option<u64> {
        self.0[unit as usize]
    }

    /// The same with another rate.
    pub fn with(mut self, unit: Unit, picodollars: Option<u64>) -> Rates {
        self.0[unit as usize] = picodollars;
        self
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// The rates of one service for prompts that are longer than so many tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Whose rates.
    pub service: Service,
    /// They hold for prompts of more tokens than this.
    pub above: u64,
    /// What is known of them.
    pub rates: Rates,
}

/// What a model costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// In the order of service and length.
    tiers: Vec<Tier>,
}

impl Price {
    /// One price for all.
    pub fn flat(rates: Rates) -> Price {
        let tier = Tier {
            service: Service::Standard,
            above: 0,
            rates,
        };
        Price { tiers: vec![tier] }
    }

    /// Sets one rate.
    pub fn set(&mut self, service: Service, above: u64, unit: Unit, picodollars: u64) {
        let key = (service, above);
        let found = self
            .tiers
            .binary_search_by_key(&key, |tier| (tier.service, tier.above));
        let index = found.unwrap_or_else(|index| {
            let rates = Rates::default();
            let tier = Tier {
                service,
                above,
                rates,
            };
            self.tiers.insert(index, tier);
            index
        });
        let rates = &mut self.tiers[index].rates;
        *rates = rates.with(unit, Some(picodollars));
    }

    /// What is written of it, in the order of service and length.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.tiers.iter().all(|tier| tier.rates.is_empty())
    }

    /// The rates of all services and lengths, where they are the same for all, as most are.
    pub fn only(&self) -> Option<&Rates> {
        match &self.tiers[..] {
            [tier] if tier.service == Service::Standard && tier.above == 0 => Some(&tier.rates),
            _ => None,
        }
    }

    /// What one unit costs, in picodollars, when the prompt has so many tokens. A service or a length without a rate of its own has
    /// the nearest that is known: a shorter prompt's of the same service, then everybody's.
    pub fn rate(&self, service: Service, prompt_tokens: u64, unit: Unit) -> Option<u64> {
        if let Some(only) = self.only() {
            return only.get(unit);
        }
        let of = |service| {
            let fits = |tier: &&Tier| {
                tier.service == service && (tier.above == 0 || prompt_tokens > tier.above)
            };
            let mut tiers = self.tiers.iter().rev().filter(fits);
            tiers.find_map(|tier| tier.rates.get(unit))
        };
        of(service).or_else(|| of(Service::Standard))
    }

    pub(super) fn read(text: &str) -> Option<Price> {
        let mut price = Price::default();
        for tier in text.split(' ').filter(|tier| !tier.is_empty()) {
            let (head, rates) = tier.split_once(':').unwrap_or(("", tier));
            let (letter, above) = head.split_once('>').unwrap_or((head, "0"));
            let all = [
                Service::Standard,
                Service::Batch,
                Service::Flex,
                Service::Priority,
            ];
            let service = all.into_iter().find(|known| known.letter() == letter)?;
            let above = above.parse().ok()?;
            for rate in rates.split(',') {
                let (unit, picodollars) = rate.split_once('=')?;
                let unit = Unit::from_name(unit)?;
                price.set(service, above, unit, picodollars.parse().ok()?);
            }
        }
        Some(price)
    }

    pub(super) fn write(&self, out: &mut String) {
        for (index, tier) in self.tiers.iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            let head = match tier.above {
                0 => tier.service.letter().to_owned(),
                above => format!("{}>{above}", tier.service.letter()),
            };
            if !head.is_empty() {
                out.push_str(&head);
                out.push(':');
            }
            let known = Unit::ALL
                .into_iter()
                .filter_map(|unit| Some((unit, tier.rates.get(unit)?)));
            let rates: Vec<String> = known
                .map(|(unit, picodollars)| format!("{}={picodollars}", unit.name()))
                .collect();
            out.push_str(&rates.join(","));
        }
    }
}
