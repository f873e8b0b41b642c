//! Namespaces of a wiki: which name stands for which number, and which names mean an account.
//!
//! A dump brings its own list. Where there is none (a question, a dump without `<siteinfo>`) the common list stands in:
//! MediaWiki's English names, which every wiki understands, and the names for accounts, files and categories in the
//! languages of the larger wikis.

use std::collections::BTreeMap;

use crate::manifest::mediawiki::Wiki;
use crate::manifest::mediawiki::local::{BY_LANGUAGE, BY_PROJECT, BY_WIKIPEDIA};
use crate::manifest::mediawiki::title::canonical_text;
use crate::manifest::normal::nfkc_casefold;

/// Names of a wiki's namespaces, in any letter case, with their numbers.
#[derive(Debug, Clone)]
pub struct Namespaces {
    by_name: BTreeMap<String, i32>,
}

/// Special pages. Their titles carry account names (`Special:Contributions/…`), so none is ever keyed.
const SPECIAL: i32 = -1;
/// Pages of an account.
const USER: i32 = 2;
/// Talk pages of an account.
const USER_TALK: i32 = 3;
/// Descriptions of media files.
pub(super) const FILE: i32 = 6;
/// Categories.
pub(super) const CATEGORY: i32 = 14;
/// Media files themselves, as a link target.
pub(super) const MEDIA: i32 = -2;

impl Namespaces {
    /// The list for a wiki of which nothing more is known.
    pub fn common() -> Self {
        let mut list = Self { by_name: BTreeMap::new() };
        for (number, names) in COMMON {
            for name in *names {
                list.add(*number, name);
            }
        }
        list
    }

    /// The list for a wiki of which the name is known: common names, and those of its language and project.
    pub fn of_wiki(wiki: &Wiki) -> Self {
        let mut list = Self::common();
        let name = wiki.as_str();
        let known = wiki.language_and_project();
        let is_wikipedia = known.as_ref().is_none_or(|(_, project)| *project == "wikipedia.org");
        let project = BY_PROJECT.iter().find(|(ending, _)| name.ends_with(ending));
        if !is_wikipedia || project.is_some() {
            // Numbers from 100 on mean something else on every project.
            list.by_name.retain(|_, number| !(matches!(number, 4 | 5) || (100..200).contains(number)));
            list.add(4, "Project");
            list.add(5, "Project talk");
        }
        // Codes were renamed on the way; the names of the language are the same.
        let language = known.map(|(language, _)| if language == "nb" { "no".to_owned() } else { language });
        let of = |table: &'static [(&str, _)]| table.iter().find(|(code, _)| language.as_deref() == Some(*code));
        let own = if is_wikipedia { of(BY_WIKIPEDIA) } else { None };
        for (_, names) in [of(BY_LANGUAGE), own, project].into_iter().flatten() {
            for (number, names) in *names {
                names.iter().for_each(|name| list.add(*number, name));
            }
        }
        list
    }

    /// Adds a name that the wiki uses.
    pub fn add(&mut self, number: i32, name: &str) {
        let name = folded(name);
        if !name.is_empty() {
            self.by_name.insert(name, number);
        }
    }

    /// Cuts the namespace's name off a title. A text before a colon that is no namespace's name belongs to the title.
    pub fn split<'a>(&self, title: &'a str) -> (i32, &'a str) {
        match title.split_once(':') {
            Some((name, rest)) => self.number(name).map_or((0, title), |number| (number, rest)),
            None => (0, title),
        }
    }

    /// The namespace with this name.
    pub fn number(&self, name: &str) -> Option<i32> {
        self.by_name.get(&folded(name)).copied()
    }

    /// Whether a full title is of an account, by this wiki's names or by the common ones.
    pub fn is_account(&self, full_title: &str) -> bool {
        is_account_namespace(self.split(full_title).0) || is_account_title(full_title)
    }
}

/// Whether pages of this namespace belong to an account or name one.
pub(in crate::manifest) const fn is_account_namespace(number: i32) -> bool {
    matches!(number, SPECIAL | USER | USER_TALK)
}

/// Whether a full title is of an account by any name of the common list, in any language: a title that looks like another
/// wiki's user page is dropped too, because nobody is helped by keying it.
pub fn is_account_title(full_title: &str) -> bool {
    // Built anew each time would cost more than all hashing of a title.
    static NAMES: std::sync::LazyLock<Namespaces> = std::sync::LazyLock::new(Namespaces::common);
    full_title.split_once(':').and_then(|(name, _)| NAMES.number(name)).is_some_and(is_account_namespace)
}

fn folded(name: &str) -> String {
    nfkc_casefold(&canonical_text(name))
}

/// Written from the public interface of the wikis; English for every namespace that MediaWiki itself or the English
/// Wikipedia has, other languages where a wrong guess would key an account or leave a file or category in a text.
#[rustfmt::skip]
const COMMON: &[(i32, &[&str])] = &[
    (MEDIA, &["Media", "Medium", "Média", "Медиа"]),
    (
        SPECIAL,
        &[
            "Special", "Spezial", "Spécial", "Especial", "Speciale", "Speciaal", "Specjalna", "Служебная",
            "Спеціальна", "Спеціальні", "Специални", "Посебно", "Posebno", "Speciální", "Špeciálne", "Speciális",
            "Spesial", "Speciel", "Toiminnot", "Özel", "Ειδικό", "Istimewa", "Đặc biệt", "特別", "特殊", "특수", "خاص",
            "ویژه", "מיוחד", "พิเศษ", "विशेष", "বিশেষ", "Specialaĵo", "Berezi", "Kerfissíða", "Eri", "Specialus",
            "Speciāls", "Адмысловае", "Spesiaal", "Arbennig", "Xüsusi", "სპეციალური", "Սպասարկող", "Арнайы",
        ],
    ),
    (1, &["Talk"]),
    (
        USER,
        &[
            "User", "Benutzer", "Benutzerin", "Benutzer*in", "Utilisateur", "Utilisatrice", "Usuario", "Usuaria",
            "Usuário", "Usuária", "Usuário(a)", "Utilizador", "Utilizadora", "Utente", "Gebruiker", "Wikipedysta",
            "Wikipedystka", "Użytkownik", "Użytkowniczka", "Wikiskryba", "Wikipodróżnik", "Участник", "Участница",
            "У", "Користувач", "Користувачка", "Användare", "Bruker", "Brukar", "Bruger", "Käyttäjä", "Notandi",
            "Uživatel", "Uživatelka", "Wikipedista", "Wikipedistka", "Redaktor", "Redaktorka", "Užívateľ",
            "Užívateľka", "Szerkesztő", "Wikipédista", "Kullanıcı", "Usuari", "Usuària", "Lankide", "Uzanto",
            "Uzantino", "Vikipediisto", "Uzulo", "利用者", "用户", "用戶", "使用者", "사용자", "مستخدم", "مستخدمة", "کاربر",
            "صارف", "משתמש", "משתמשת", "Thành viên", "Pengguna", "ผู้ใช้", "सदस्य", "ব্যবহারকারী", "Χρήστης",
            "Χρήστρια", "Потребител", "Корисник", "Корисница", "Korisnik", "Korisnica", "Suradnik", "Suradnica",
            "Uporabnik", "Uporabnica", "Naudotojas", "Naudotoja", "Dalībnieks", "Dalībniece", "Kasutaja",
            "Përdoruesi", "Մասնակից", "მომხმარებელი", "İstifadəçi", "Қатысушы", "Удзельнік", "Удзельніца", "பயனர்",
            "వాడుకరి", "ഉപയോക്താവ്", "Usor", "Usatrix", "Defnyddiwr", "Úsáideoir", "Benotzer", "Mtumiaji",
            "Gumagamit", "Utilizator", "Användera", "Ушак", "Кулланучы", "Foydalanuvchi", "Катышуучу", "Хэрэглэгч",
        ],
    ),
    (
        USER_TALK,
        &[
            "User talk", "UT", "Benutzer Diskussion", "Benutzerin Diskussion", "Benutzer*in Diskussion", "BD",
            "Discussion utilisateur", "Discussion utilisatrice", "Usuario discusión", "Usuaria discusión",
            "Usuário Discussão", "Usuária Discussão", "Usuário(a) Discussão", "Utilizador Discussão",
            "Utilizadora Discussão", "Discussioni utente", "Overleg gebruiker", "Dyskusja wikipedysty",
            "Dyskusja wikipedystki", "Dyskusja użytkownika", "Dyskusja użytkowniczki", "Обсуждение участника",
            "Обсуждение участницы", "ОУ", "Обговорення користувача", "Обговорення користувачки",
            "Användardiskussion", "Brukerdiskusjon", "Brukardiskusjon", "Brugerdiskussion", "Keskustelu käyttäjästä",
            "Notandaspjall", "Diskuse s uživatelem", "Diskuse s uživatelkou", "Diskuse s wikipedistou",
            "Uživatel diskuse", "Uživatelka diskuse", "Wikipedista diskuse", "Wikipedistka diskuse",
            "Diskusia s redaktorom", "Diskusia s redaktorkou", "Szerkesztővita", "User vita", "Kullanıcı mesaj",
            "Kullanıcı tartışma", "Usuari Discussió", "Usuària Discussió", "Lankide eztabaida", "Conversa usuario",
            "Conversa usuaria", "Uzanto-Diskuto", "Vikipediista diskuto", "利用者‐会話", "利用者・トーク", "用户讨论", "用戶討論",
            "使用者討論", "用戶對話", "사용자토론", "نقاش المستخدم", "نقاش المستخدمة", "بحث کاربر", "تبادلۂ خیال صارف",
            "שיחת משתמש", "שיחת משתמשת", "Thảo luận Thành viên", "Pembicaraan Pengguna", "Perbincangan pengguna",
            "คุยกับผู้ใช้", "सदस्य वार्ता", "सदस्य चर्चा", "ব্যবহারকারী আলাপ", "Συζήτηση χρήστη",
            "Συζήτηση χρήστριας", "Потребител беседа", "Разговор са корисником", "Разговор со корисник",
            "Razgovor sa korisnikom", "Razgovor s korisnikom", "Razgovor sa suradnikom", "Razgovor sa suradnicom",
            "Uporabniški pogovor", "Naudotojo aptarimas", "Naudotojos aptarimas", "Dalībnieka diskusija",
            "Dalībnieces diskusija", "Kasutaja arutelu", "Përdoruesi diskutim", "Մասնակցի քննարկում",
            "მომხმარებლის განხილვა", "İstifadəçi müzakirəsi", "Қатысушы талқылауы", "Размовы з удзельнікам",
            "Размовы з удзельніцай", "பயனர் பேச்சு", "వాడుకరి చర్చ", "ഉപയോക്താവിന്റെ സംവാദം", "Disputatio Usoris",
            "Sgwrs Defnyddiwr", "Plé úsáideora", "Benotzer Diskussioun", "Majadiliano ya mtumiaji",
            "Hisgot sa Gumagamit", "Discuție Utilizator", "Discuţie Utilizator", "Gebruikerbespreking",
        ],
    ),
    (4, &["Project", "Wikipedia", "WP"]),
    (5, &["Project talk", "Wikipedia talk", "WT"]),
    (
        FILE,
        &[
            "File", "Image", "Datei", "Bild", "Fichier", "Archivo", "Imagen", "Ficheiro", "Arquivo", "Imagem",
            "Immagine", "Bestand", "Afbeelding", "Plik", "Grafika", "Файл", "Изображение", "Зображення", "Fil",
            "Tiedosto", "Kuva", "Mynd", "Soubor", "Súbor", "Obrázok", "Fájl", "Kép", "Fișier", "Imagine", "Dosya",
            "Resim", "Fitxer", "Imatge", "Fitxategi", "Irudi", "Dosiero", "ファイル", "画像", "文件", "檔案", "圖像", "파일", "그림",
            "ملف", "صورة", "پرونده", "תמונה", "קובץ", "Tập tin", "Hình", "Berkas", "Gambar", "Fail", "ไฟล์", "ภาพ",
            "चित्र", "চিত্র", "Αρχείο", "Εικόνα", "Картинка", "Датотека", "Слика", "Datoteka", "Slika", "Vaizdas",
            "Attēls", "Pilt", "Skeda",
        ],
    ),
    (7, &["File talk", "Image talk"]),
    (8, &["MediaWiki"]),
    (9, &["MediaWiki talk"]),
    (10, &["Template"]),
    (11, &["Template talk"]),
    (12, &["Help"]),
    (13, &["Help talk"]),
    (
        CATEGORY,
        &[
            "Category", "Kategorie", "Catégorie", "Categoría", "Categoria", "Categorie", "Kategoria", "Категория",
            "Категорія", "Kategori", "Luokka", "Flokkur", "Kategória", "Kategorija", "Категорија", "Κατηγορία",
            "Kategorio", "カテゴリ", "分类", "分類", "분류", "تصنيف", "رده", "קטגוריה", "Thể loại", "หมวดหมู่", "श्रेणी",
            "বিষয়শ্রেণী", "Catagóir", "Kateqoriya", "Կատեգորիա", "კატეგორია",
        ],
    ),
    (15, &["Category talk"]),
    (100, &["Portal"]),
    (101, &["Portal talk"]),
    (118, &["Draft"]),
    (119, &["Draft talk"]),
    (710, &["TimedText"]),
    (711, &["TimedText talk"]),
    (828, &["Module"]),
    (829, &["Module talk"]),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_spacing() {
        let names = Namespaces::common();
        for (title, expected) in [
            ("User talk:A", (3, "A")),
            ("USER_TALK:A", (3, "A")),
            ("  user   talk :A", (3, "A")),
            ("file:A.png", (6, "A.png")),
            ("Nothing:A", (0, "Nothing:A")),
            ("A", (0, "A")),
            (":A", (0, ":A")),
        ] {
            assert_eq!(names.split(title), expected, "{title:?}");
        }
    }

    #[test]
    fn a_wikis_own_names_count() {
        let mut names = Namespaces::common();
        names.add(2, "Schreiber");
        assert!(names.is_account("schreiber:A"));
        assert!(!is_account_title("schreiber:A"));
        assert!(names.is_account("Usuário(a):A"));
    }

    #[test]
    fn local_names_hide_no_account_and_clash_with_nothing() {
        for (_, names) in BY_LANGUAGE.iter().chain(BY_WIKIPEDIA).chain(BY_PROJECT) {
            for (number, names) in *names {
                assert!(!is_account_namespace(*number));
                for name in *names {
                    assert!(!Namespaces::common().number(name).is_some_and(is_account_namespace), "{name}");
                }
            }
        }
        let number = |wiki: &str, name| Namespaces::of_wiki(&wiki.parse().unwrap()).number(name);
        assert_eq!((number("dewiki", "vorlage diskussion"), number("enwiki", "Vorlage")), (Some(11), None));
        assert_eq!((number("enwiki", "Portal"), number("enwiktionary", "Portal")), (Some(100), None));
        assert_eq!((number("enwiktionary", "Wikipedia"), number("dewiktionary", "Vorlage")), (None, Some(10)));
        assert_eq!((number("nowiki", "Mal"), number("my-wiki", "Template")), (Some(10), Some(10)));
    }

    /// Whoever makes keys in another language needs the names too, so they are published beside the vectors.
    #[test]
    fn the_published_list_is_this_one() {
        #[derive(serde::Deserialize)]
        struct Row {
            number: i32,
            names: Vec<String>,
        }
        let published: Vec<Row> =
            serde_json::from_str(include_str!("../../../../docs/vectors/namespaces.json")).unwrap();
        assert_eq!(published.len(), COMMON.len());
        for (row, (number, names)) in published.iter().zip(COMMON) {
            assert_eq!(
                (row.number, row.names.as_slice()),
                (*number, names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>().as_slice())
            );
        }
    }

    #[test]
    fn no_name_is_listed_under_two_numbers() {
        let mut seen = BTreeMap::new();
        for (number, names) in COMMON {
            for name in *names {
                let other = seen.insert(folded(name), *number);
                assert!(other.is_none_or(|other| other == *number), "{name}");
            }
        }
    }
}
