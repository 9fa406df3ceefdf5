# Location–scale ordered models by R's ordinal::clm: the values in tests/methods/test_ordinal.py.
# Run in this folder with: Rscript location_scale.R
# Made with R 4.2.2, ordinal 2022.11.16, MASS 7.3-58.2.
suppressMessages(library(ordinal))
control <- clm.control(gradTol = 1e-9, maxIter = 200)

# ---- 8 countries, 11 points: simulated here, the counts are stored beside ----
set.seed(20250401, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
shares <- c(3, 1, 1, 2, 2, 5, 6, 12, 22, 20, 26) / 100
edges <- c(-Inf, qnorm(cumsum(shares)[1:10]), Inf)
country <- c("Brazil", "France", "Germany", "India", "Japan", "Mexico", "Norway", "Spain")
location <- c(.35, -.1, 0, .5, -.6, .2, .05, -.3)
spread <- c(1.3, 1, 1, 1.5, .7, 1.2, .85, 1.1)
n <- c(400, 900, 700, 300, 650, 250, 500, 1200)
rows <- do.call(rbind, lapply(1:8, function(g) data.frame(
  country = country[g],
  nps = as.integer(cut(rnorm(n[g], location[g], spread[g]), edges, labels = FALSE)) - 1L)))
counts <- as.data.frame(table(country = rows$country, nps = rows$nps), responseName = "n")
write.csv(counts[counts$n > 0, ], "location_scale_counts.csv", row.names = FALSE)

# the rows themselves, not the counts: a fit of the same data by other software from its own input
rows$country <- relevel(factor(rows$country), "Germany")
rows$nps <- factor(rows$nps, ordered = TRUE)
result <- do.call(rbind, lapply(c("probit", "logit"), function(link) {
  fit <- clm(nps ~ country, scale = ~ country, data = rows, link = link, control = control)
  part <- rep(c("thresholds", "location", "log_scale"), c(length(fit$alpha), length(fit$beta), length(fit$zeta)))
  common <- clm(nps ~ country, data = rows, link = link, control = control)
  cat(link, sprintf("%.8f", c(logLik(fit), logLik(common))), "\n")  # both log-likelihoods: in the tests
  data.frame(link = link, part = part, term = sub("^country", "", names(coef(fit))),
             estimate = coef(fit), standard_error = sqrt(diag(vcov(fit))), row.names = NULL)
}))
write.csv(result, "location_scale_clm.csv", row.names = FALSE)

# ---- wine: thresholds by temp and by contact, without a scale part ----
test <- nominal_test(clm(rating ~ temp + contact, data = wine))
cat(sprintf("%.8f", c(test$LRT[-1], test[["Pr(>Chi)"]][-1])), "\n")  # 3.17497713 0.56674027, p 0.36542594 0.90400239

# ---- housing (MASS): scale by Cont and by Infl, thresholds by Cont beyond its scale ----
data(housing, package = "MASS")  # Madsen 1976
write.csv(housing, "housing.csv", row.names = FALSE)
location <- clm(Sat ~ Infl + Type + Cont, weights = Freq, data = housing, control = control)
for (part in list(~ Cont, ~ Infl)) {
  fit <- clm(Sat ~ Infl + Type + Cont, scale = part, weights = Freq, data = housing, control = control)
  cat(sprintf("%.6f", c(logLik(fit), 2 * (logLik(fit) - logLik(location)), coef(fit))), "\n")
}
fit <- clm(Sat ~ Infl + Type, nominal = ~ Cont, scale = ~ Cont, weights = Freq, data = housing, control = control)
cat(sprintf("%.6f", c(logLik(fit), coef(fit))), "\n")
fit <- clm(Sat ~ Infl + Type, nominal = ~ Cont, scale = ~ Infl, weights = Freq, data = housing, control = control)
cat(sprintf("%.6f", c(logLik(fit), coef(fit))), "\n")
