//! How settings are declared: type, table and the way from one to the other out of a single place.

/// Declares every setting once. Each `name: Type = kind, property(…), …;` below a section becomes a documented field of that
/// section's struct, a [`Setting`](crate::configuration::Setting) of `SETTINGS` whose documentation is the field's, and a line of
/// `from_values`; each section becomes a [`Section`](crate::configuration::Section) of `SECTIONS`.
macro_rules! settings {
    (
        $(#[$meta:meta])* $whole:ident;
        $(
            $(#[doc = $section_doc:literal])+
            $section:ident: $struct:ident {
                $(
                    $(#[doc = $doc:literal])+
                    $field:ident: $type:ty = $kind:expr $(, $property:ident($($argument:expr),*))*;
                )+
            }
        )+
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $whole {
            /// Where the service runs.
            pub environment: $crate::configuration::Environment,
            $($(#[doc = $section_doc])+ pub $section: $struct,)+
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $struct {
                $($(#[doc = $doc])+ pub $field: $type,)+
            }
        )+

        /// Every section, in the order of the settings.
        static SECTIONS: &[$crate::configuration::Section] =
            &[$($crate::configuration::Section { name: stringify!($section), docs: &[$($section_doc),+] },)+];

        /// Every setting, section by section.
        static SETTINGS: &[$crate::configuration::Setting] = &[
            $($(
                $crate::configuration::Setting::new(
                    concat!(stringify!($section), ".", stringify!($field)),
                    &[$($doc),+],
                    $kind,
                )$(.$property($($argument),*))*,
            )+)+
        ];

        impl $whole {
            pub(crate) fn from_values(
                environment: $crate::configuration::Environment,
                values: &$crate::configuration::Values,
            ) -> Result<Self, String> {
                Ok(Self {
                    environment,
                    $($section: $struct {
                        $($field: values.get(concat!(stringify!($section), ".", stringify!($field)))?,)+
                    },)+
                })
            }
        }
    };
}

pub(crate) use settings;
