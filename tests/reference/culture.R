# Reference values of tests/methods/test_culture.py. Run with: Rscript tests/reference/culture.R
# Made with R 4.2.2 (stats::cor.test): Spearman's exact p-values, Pearson's interval and t-test.
extreme <- c(AU = .31, BR = .36, CN = .15, DE = .24, FR = .27, GB = .25, IN = .38, JP = .13, US = .29)
individualism <- c(AU = 90, BR = 38, CN = 20, DE = 67, FR = 71, GB = 89, IN = 48, JP = 46, US = 91)
options(digits = 10)
for (n in c(7, 9)) {
  x <- extreme[1:n]; y <- individualism[1:n]
  s <- cor.test(x, y, method = "spearman", exact = TRUE)
  p <- cor.test(x, y)
  cat(n, "spearman", s$estimate, s$p.value, "pearson", p$estimate, p$conf.int, "\n")
}
